// Package notify tells webhooks what happens to batches. What is to be told is stored before
// it is sent, and sent again until it has arrived or two hours have passed.
package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kubeconfig"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
)

// The events that a hook can be told.
const (
	EventStarted  = "started"
	EventBlocked  = "blocked"  // a drain has waited for a budget, or a batch waits for a person
	EventApproval = "approval" // a batch waits for the approval of a second person
	EventFailed   = "failed"   // a batch has ended, and nodes have failed
	EventEnded    = "ended"    // a batch has ended
	EventTest     = "test"
)

// Events returns the events that somebody can choose.
func Events() []string {
	return []string{EventStarted, EventBlocked, EventApproval, EventFailed, EventEnded}
}

// The formats of what is sent.
const (
	FormatJSON     = "json"
	FormatSlack    = "slack"
	FormatFeishu   = "feishu"
	FormatDingTalk = "dingtalk"
	FormatTeams    = "teams"
)

// Formats returns all formats.
func Formats() []string {
	return []string{FormatJSON, FormatSlack, FormatFeishu, FormatDingTalk, FormatTeams}
}

// Languages returns the languages of the texts.
func Languages() []string { return []string{"en", "zh-CN"} }

const (
	maxHooks   = 50
	maxName    = 60
	minSecret  = 16 // characters
	maxAddress = 2000
	// LogShown is how many deliveries the log shows; as many more are kept.
	LogShown = 100
)

// Message is what is told: to people, and to programs in the format json.
type Message struct {
	Event     string       `json:"event"`
	At        time.Time    `json:"at"`
	Batch     string       `json:"batch"`
	Cluster   string       `json:"cluster"`
	Operation string       `json:"operation"`
	State     string       `json:"state"`
	By        string       `json:"by"`
	Reason    string       `json:"reason"`
	Total     int          `json:"total"`
	Counts    store.Counts `json:"counts"`
	Blocked   int          `json:"podsBlocked,omitempty"`
	// BlockedFor is for how many minutes one of these pods has waited at least, and Budgets are
	// what they wait for.
	BlockedFor int      `json:"minutesBlocked,omitempty"`
	Budgets    []string `json:"budgets,omitempty"`
	URL        string   `json:"url,omitempty"` // of the batch; "" if the program has no public URL
	Text       string   `json:"text"`
}

// Batches is what the service needs of the engine.
type Batches interface {
	Running(scope services.Scope) []batch.View
}

// Dependencies are what a Service works with.
type Dependencies struct {
	Store   *store.Store
	Batches Batches
	Log     *slog.Logger
	Key     seal.Key
	// Networks are those with private or loopback addresses to which hooks may lead.
	Networks []netip.Prefix
	// Text says a message in a language.
	Text func(language string, m Message) string
	// BatchURL returns the address of a batch, "" if it is not known.
	BatchURL func(id string) string
	Now      func() time.Time // nil for the time of the machine
}

// Service keeps hooks and sends what they are told. It is safe for concurrent use.
type Service struct {
	Dependencies
	client  *http.Client
	senders senders
	wake    chan struct{} // receives when something is to be sent at once
}

// New returns a service that sends nothing yet.
func New(d Dependencies) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	guard := kubeconfig.Guard{Networks: d.Networks, Public: true}
	transport := &http.Transport{
		// A proxy of the environment would connect in our place, past the guard.
		Proxy: nil, DialContext: guard.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: sendTimeout, ResponseHeaderTimeout: sendTimeout, MaxResponseHeaderBytes: maxAnswer,
	}
	client := &http.Client{
		Transport: transport, Timeout: sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Service{
		Dependencies: d, client: client, wake: make(chan struct{}, 1), senders: senders{busy: map[int64]bool{}},
	}
}

// secrets are the encrypted part of a hook.
type secrets struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// List returns all hooks, and the newest deliveries. Only administrators may see them.
//
// Errors: CodeForbidden.
func (s *Service) List(ctx context.Context) ([]store.Hook, []store.Delivery, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitClusters); err != nil {
		return nil, nil, err
	}
	hooks, err := s.Store.Hooks(ctx)
	if err != nil {
		return nil, nil, err
	}
	log, err := s.Store.Deliveries(ctx, LogShown)
	return hooks, log, err
}

func (s *Service) seal(id int64, private secrets) (store.HookSecret, error) {
	raw, err := json.Marshal(private)
	if err != nil {
		return store.HookSecret{}, err
	}
	sealed, err := s.Key.Seal(seal.OfHook(id), raw)
	return store.HookSecret(sealed), err
}

func (s *Service) open(h store.Hook) (private secrets, err error) {
	raw, err := s.Key.Open(seal.OfHook(h.ID), seal.Sealed(h.HookSecret))
	if err != nil {
		return secrets{}, err
	}
	return private, json.Unmarshal(raw, &private)
}

// Rewrap returns a function that encrypts the secrets of a hook under another key.
func Rewrap(from, to seal.Key) func(store.Hook) (store.HookSecret, error) {
	return func(h store.Hook) (store.HookSecret, error) {
		sealed, err := from.Rewrap(seal.OfHook(h.ID), seal.Sealed(h.HookSecret), to)
		return store.HookSecret(sealed), err
	}
}

// hook reads a hook for somebody who may manage it.
func (s *Service) hook(ctx context.Context, id int64) (store.Hook, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitClusters); err != nil {
		return store.Hook{}, err
	}
	h, err := s.Store.Hook(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound {
		return store.Hook{}, services.Wrap(err, services.CodeNotFound, "error_hook_unknown")
	}
	return h, err
}

// Switch enables or disables a hook.
//
// Errors: CodeForbidden, CodeNotFound.
func (s *Service) Switch(ctx context.Context, id int64, disabled bool) error {
	h, err := s.hook(ctx, id)
	if err != nil {
		return err
	}
	return s.Store.SwitchHook(ctx, h, disabled)
}

// Delete deletes a hook.
//
// Errors: CodeForbidden, CodeNotFound.
func (s *Service) Delete(ctx context.Context, id int64) error {
	h, err := s.hook(ctx, id)
	if err != nil {
		return err
	}
	return s.Store.DeleteHook(ctx, h)
}

// Test tells a hook that it works. The log says what came of it.
//
// Errors: CodeForbidden, CodeNotFound.
func (s *Service) Test(ctx context.Context, id int64) error {
	h, err := s.hook(ctx, id)
	if err != nil {
		return err
	}
	noted := store.Entry{Action: store.ActionHookTest, Cluster: h.Cluster, Object: h.Name}
	if err := s.Store.Note(ctx, noted); err != nil {
		return err
	}
	m := Message{
		Event: EventTest, At: s.Now().UTC(), By: services.ActorFrom(ctx).Name,
		Cluster: cmp.Or(h.Cluster, "*"),
	}
	d, err := s.delivery(h, m)
	if err != nil {
		return err
	}
	if err := s.Store.Enqueue(ctx, -1, []store.Delivery{d}); err != nil {
		return err
	}
	s.rouse()
	return nil
}

// rouse makes Run look at once for what is to be sent.
func (s *Service) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it is to look already
	}
}

// delivery returns what is to be sent to a hook.
func (s *Service) delivery(h store.Hook, m Message) (store.Delivery, error) {
	m.Text = s.Text(h.Language, m)
	raw, err := json.Marshal(m)
	return store.Delivery{
		HookID: h.ID, Event: m.Event, BatchID: m.Batch, Message: raw, CreatedAt: s.Now().Truncate(time.Millisecond),
	}, err
}
