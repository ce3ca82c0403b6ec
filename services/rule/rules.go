// Package rule keeps what holds for all maintenance of a cluster, whoever does it: what a
// batch must say, may do, and has to wait for. The engine and the planner obey the rules;
// here they are read, checked and stored.
package rule

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/store"
)

// Rules are those of one cluster. The names of their JSON are part of the HTTP contract.
type Rules struct {
	Reason    Reason    `json:"reason"`
	Limits    Limits    `json:"limits"`
	Windows   Windows   `json:"windows"`
	Workloads Workloads `json:"workloads"`
	Approval  Approval  `json:"approval"`
	Signals   Signals   `json:"signals"`
	Health    Health    `json:"health"`
	Lease     Lease     `json:"lease"`
}

// section is a part of the rules, with a form of its own on the page.
type section interface {
	// read reads the part from the fields of a form. A missing field keeps its value.
	read(r *form.Reader)
	// fields adds the part to the fields of a form.
	fields(f form.Fields)
}

func (r *Rules) sections() []section {
	return []section{
		&r.Reason, &r.Limits, &r.Windows, &r.Workloads, &r.Approval, &r.Signals, &r.Health, &r.Lease,
	}
}

// Default returns the rules of a cluster for which none were set.
func Default() Rules {
	return Rules{
		Windows: Windows{List: []Window{}}, Signals: defaultSignals(), Health: defaultHealth(), Lease: defaultLease(),
	}
}

// Fields returns the rules as a form has them.
func (r Rules) Fields() form.Fields {
	f := form.Fields{}
	for _, s := range r.sections() {
		s.fields(f)
	}
	return f
}

// Revise returns the rules with the changes of a form. A missing field keeps its value. A
// form that shows all fields sends options=1: then a box that is not ticked means no.
//
// Errors: CodeInvalid names the fields.
func (r Rules) Revise(f form.Fields) (Rules, error) {
	reader := form.Read(f)
	for _, s := range r.sections() {
		s.read(reader)
	}
	return r, reader.Err()
}

// flag reads a box of a form; see Revise.
func flag(r *form.Reader, name string, otherwise bool) bool {
	return r.Flag(name, otherwise && r.Text("options") != "1")
}

// ifSent returns the first value for a field that was sent, else the second.
func ifSent[T any](r *form.Reader, name string, sent, otherwise T) T {
	_, there := r.Fields[name]
	if there {
		return sent
	}
	return otherwise
}

// putFlag adds a box to the fields of a form.
func putFlag(f form.Fields, name string, value bool) {
	if value {
		f[name] = []string{"1"}
	}
}

// putText adds a text to the fields of a form.
func putText(f form.Fields, name, value string) {
	if value != "" {
		f[name] = []string{value}
	}
}

// Record is the rules of a cluster, and who set them.
type Record struct {
	Rules
	UpdatedBy string    `json:"updatedBy,omitempty"` // "" if they were never set
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
}

// Service reads and changes the rules of clusters. It is safe for concurrent use.
type Service struct {
	store *store.Store
	now   func() time.Time
}

// New returns a service that uses the given store.
func New(st *store.Store, now func() time.Time) *Service { return &Service{st, now} }

// Get returns the rules of a cluster.
func (s *Service) Get(ctx context.Context, cluster string) (Record, error) {
	if err := services.RequireIn(ctx, cluster, services.PermitSee); err != nil {
		return Record{}, err
	}
	return s.read(ctx, cluster)
}

// Of returns the rules that a cluster's batches obey, whoever asks.
func (s *Service) Of(ctx context.Context, cluster string) (Rules, error) {
	found, err := s.read(ctx, cluster)
	return found.Rules, err
}

func (s *Service) read(ctx context.Context, cluster string) (Record, error) {
	found := Record{Rules: Default()}
	row, err := s.store.RulesOf(ctx, cluster)
	if services.CodeOf(err) == services.CodeNotFound {
		return found, nil
	}
	if err != nil {
		return Record{}, err
	}
	if err := json.Unmarshal(row.Rules, &found.Rules); err != nil {
		return Record{}, fmt.Errorf("decode the rules of cluster %q: %w", cluster, err)
	}
	found.UpdatedBy, found.UpdatedAt = row.UpdatedBy, row.UpdatedAt
	return found, nil
}

// Set changes the rules of a cluster; see Rules.Revise. Only administrators may.
//
// Errors: CodeForbidden; CodeInvalid names the fields.
func (s *Service) Set(ctx context.Context, cluster string, f form.Fields) (Record, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitClusters); err != nil {
		return Record{}, err
	}
	old, err := s.read(ctx, cluster)
	if err != nil {
		return Record{}, err
	}
	revised, err := old.Revise(f)
	if err != nil {
		return Record{}, err
	}
	raw, err := json.Marshal(revised)
	if err != nil {
		return Record{}, fmt.Errorf("encode the rules of cluster %q: %w", cluster, err)
	}
	found := Record{Rules: revised, UpdatedBy: services.ActorFrom(ctx).Name, UpdatedAt: s.now().Truncate(time.Millisecond)}
	return found, s.store.PutRules(ctx, store.Rules{
		Cluster: cluster, Rules: raw, UpdatedBy: found.UpdatedBy, UpdatedAt: found.UpdatedAt,
	})
}
