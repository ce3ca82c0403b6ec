package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// The names of the operations, as requests, batches and message ids have them.
const (
	Cordon     = "cordon"
	Uncordon   = "uncordon"
	Drain      = "drain"
	DeletePod  = "delete-pod"
	Label      = "label"
	Taint      = "taint"
	Annotate   = "annotate"
	CopyTaints = "copy-taints"
	Undo       = "undo" // takes another batch back
)

// All lists the operations.
func All() []Definition { return slices.Clone(definitions()) }

// definitions are made once: pages look one up for every row.
var definitions = sync.OnceValue(func() []Definition {
	return []Definition{
		cordonDefinition(), uncordonDefinition(), drainDefinition(), deletePodDefinition(),
		labelDefinition(), taintDefinition(), annotateDefinition(), copyTaintsDefinition(), undoDefinition(),
	}
})

// Traits are what is true of every batch of an operation.
type Traits struct {
	Name   string
	Permit services.Permission // to make and to control its batches
	// Key is the key that chooses it for the selected nodes; "" for none.
	Key string
	// Page is where a person chooses its parameters; "" when the list of nodes or
	// the plan is enough.
	Page Page
	// Edits says that its page has a row for each key that the nodes have.
	Edits bool
	// Fields are the names of its own fields: a page that shows a plan sends them
	// again. One that ends in "." stands for every name that begins so.
	Fields []string
	// Drains says that it takes the pods off its nodes.
	Drains bool
	// Final says that nothing takes it back, and that it is not tried again as a
	// batch.
	Final bool
	// Long says that a batch takes longer than a request may: it is followed by
	// its progress from the start, and after a restart it waits for a person.
	Long bool
	// Beside says that it does not wait for its turn on a node: the batch that is
	// at work there may wait for just this.
	Beside bool
	// Parallel is how many nodes are worked on at once unless the request says so;
	// 0 lets the cluster decide.
	Parallel int
	// CacheLog names the operation in the log line of the cache's clearing;
	// operators search for it.
	CacheLog func(sync bool) string
}

// Page names a page on which parameters are chosen.
type Page string

// The pages.
const (
	PageLabels Page = "labels"
	PageTaints Page = "taints"
	PageCopy   Page = "copy"
	PagePod    Page = "pod" // asks for the pod's name
	PageUndo   Page = "undo"
)

// ID returns the name as message ids have it: with "_" for "-".
func (t Traits) ID() string { return strings.ReplaceAll(t.Name, "-", "_") }

// Carries reports whether a field is one of the operation's own.
func (t Traits) Carries(field string) bool {
	for _, own := range t.Fields {
		if own == field || strings.HasSuffix(own, ".") && strings.HasPrefix(field, own) {
			return true
		}
	}
	return false
}

// Spec defines an operation over its typed parameters P, which are encoded as
// JSON where a batch is stored, and nowhere else.
type Spec[P any] struct {
	Traits
	// Read reads the parameters from the operation's own fields; what is wrong is
	// left with the reader.
	Read func(r *form.Reader) P
	// Revise, when set, reads the parameters of another try; fields that are missing
	// keep what the first try had. Without it another try takes the first's.
	Revise func(first P, r *form.Reader) P
	// Resolve, when set, completes the parameters with what has to be read once
	// for the whole batch, so that every node gets the same.
	Resolve func(ctx context.Context, from Sources, p P) (P, error)
	// Consent, when set, returns what has to be typed before parameters like these
	// are carried out; nil for nothing.
	Consent func(p P, cluster string) *Consent
	// Make returns the operation of a batch.
	Make func(p P, m Meta) Operation
	// Kubectl, when set, returns the command of kubectl that does what the operation
	// does beside changing nodes; namesHere stands for the names of the nodes.
	Kubectl func(p P) string
}

// Params are the parameters of one batch; see ParamsOf for their values.
type Params interface {
	// Revise returns the parameters of another try.
	//
	// Errors: CodeInvalid names the fields.
	Revise(f form.Fields) (Params, error)
	// Resolve completes them with what is read once for the whole batch.
	Resolve(ctx context.Context, from Sources) (Params, error)
	// Consent returns what has to be typed before they are carried out, or nil.
	Consent(cluster string) *Consent
	// Make returns the operation.
	Make(m Meta) Operation
	// Encode returns them as a batch stores them.
	Encode() (json.RawMessage, error)
	// kubectl returns the command that stands in for a change of the scheduling, or "".
	kubectl() string
}

// Definition is one kind of operation.
type Definition struct {
	Traits
	read   func(r *form.Reader) Params
	decode func(raw json.RawMessage) (Params, error)
}

// Define makes the definition that a Spec describes.
func Define[P any](s Spec[P]) Definition {
	return Definition{
		Traits: s.Traits,
		read:   func(r *form.Reader) Params { return params[P]{&s, s.Read(r)} },
		decode: func(raw json.RawMessage) (Params, error) {
			p := params[P]{spec: &s}
			if err := json.Unmarshal(raw, &p.value); err != nil {
				return nil, fmt.Errorf("decode the parameters of %s: %w", s.Name, err)
			}
			return p, nil
		},
	}
}

// Read reads the operation's own fields.
//
// Errors: CodeInvalid names the fields.
func (d Definition) Read(f form.Fields) (Params, error) {
	r := form.Read(f)
	p := d.read(r)
	return p, r.Err()
}

// Decode reads what Params.Encode wrote, also in an earlier version.
func (d Definition) Decode(raw json.RawMessage) (Params, error) { return d.decode(raw) }

// Find returns the definition of that name, or a CodeInvalid error that names the
// field "operation".
func Find(name string) (Definition, error) {
	for _, d := range definitions() {
		if d.Name == name {
			return d, nil
		}
	}
	if name == "" {
		return Definition{}, services.Invalid("operation", "error_operation_missing")
	}
	return Definition{}, services.Invalid("operation", "error_operation_unknown", "Operation", name)
}

// Edited lists the operations whose page has a row for each key.
func Edited() []Traits {
	var edited []Traits
	for _, d := range definitions() {
		if d.Edits {
			edited = append(edited, d.Traits)
		}
	}
	return edited
}

// TraitsOf returns the traits of the operation of that name; those of one that is
// not known permit nobody anything.
func TraitsOf(name string) Traits {
	d, err := Find(name)
	if err != nil {
		return Traits{Name: name}
	}
	return d.Traits
}

// params ties parameters to what their operation can do with them.
type params[P any] struct {
	spec  *Spec[P]
	value P
}

func (p params[P]) Revise(f form.Fields) (Params, error) {
	if p.spec.Revise == nil {
		return p, nil
	}
	r := form.Read(f)
	p.value = p.spec.Revise(p.value, r)
	return p, r.Err()
}

func (p params[P]) Resolve(ctx context.Context, from Sources) (Params, error) {
	if p.spec.Resolve == nil {
		return p, nil
	}
	var err error
	p.value, err = p.spec.Resolve(ctx, from, p.value)
	return p, err
}

func (p params[P]) Consent(cluster string) *Consent {
	if p.spec.Consent == nil {
		return nil
	}
	return p.spec.Consent(p.value, cluster)
}

func (p params[P]) Make(m Meta) Operation { return p.spec.Make(p.value, m) }

func (p params[P]) kubectl() string {
	if p.spec.Kubectl == nil {
		return ""
	}
	return p.spec.Kubectl(p.value)
}

func (p params[P]) Encode() (json.RawMessage, error) {
	raw, err := json.Marshal(p.value)
	if err != nil {
		return nil, fmt.Errorf("encode the parameters of %s: %w", p.spec.Name, err)
	}
	return raw, nil
}

// ParamsOf returns the values of parameters, and whether they are of that type.
func ParamsOf[P any](p Params) (P, bool) {
	own, ok := p.(params[P])
	return own.value, ok
}
