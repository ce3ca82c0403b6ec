package notify

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a secret of the hook"

// receiver is a server that hooks lead to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies [][]byte
	status int
	answer string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.bodies = append(r.got, q), append(r.bodies, body)
	if r.status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.answer)
}

// events returns the events that have arrived.
func (r *receiver) events() (events []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.got {
		events = append(events, q.Header.Get("X-KNM-Event"))
	}
	return events
}

// bench is a service with its store, a clock, and a receiver.
type bench struct {
	*Service
	*receiver
	now     time.Time
	running []batch.View
}

func (b *bench) Running(services.Scope) []batch.View { return b.running }

func newBench(t *testing.T, networks ...netip.Prefix) *bench {
	t.Helper()
	st, err := storetest.Open(t, t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close(context.WithoutCancel(t.Context()))) })
	b := &bench{receiver: &receiver{status: http.StatusOK}, now: time.UnixMilli(1_800_000_000_000).UTC()}
	b.Server = httptest.NewServer(b.receiver)
	t.Cleanup(b.Server.Close)
	b.Service = New(Dependencies{
		Store: st, Batches: b, Log: slog.New(slog.DiscardHandler), Key: seal.NewKey(), Networks: networks,
		Text:     func(language string, m Message) string { return language + " " + m.Event + " " + m.Batch },
		BatchURL: func(id string) string { return "https://knm.example/batches/" + id },
		Now:      func() time.Time { return b.now },
	})
	b.Check(t.Context()) // from here on things are told
	return b
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")

func admin(t *testing.T) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: 1, Name: "ada", Role: services.RoleAdmin})
}

// hook adds a hook that leads to the receiver.
func (b *bench) hook(t *testing.T, name, format string, events ...string) store.Hook {
	t.Helper()
	h, err := b.Create(admin(t), form.Fields{
		"name": {name}, "url": {b.Server.URL + "/in?key=private"}, "secret": {secret}, "format": {format}, "event": events,
	}, []string{"prod"})
	require.NoError(t, err)
	return h
}

// batch stores a batch and its end.
func (b *bench) batch(t *testing.T, id string, state store.State) {
	t.Helper()
	made := store.Batch{
		ID: id, Cluster: "prod", Operation: "drain", Params: json.RawMessage(`{}`), State: store.StateRunning, By: "bob",
		CreatedAt: b.now, StartedAt: &b.now, Total: 1,
	}
	require.NoError(t, b.Store.InsertBatch(t.Context(), made, []store.Item{{Node: "n1", State: store.ItemPending}}))
	if state.Ended() {
		made.State, made.EndedAt = state, &b.now
		require.NoError(t, b.Store.SetBatch(t.Context(), made))
	}
}

func TestHooks_areToldWhatHappens(t *testing.T) {
	b := newBench(t, loopback)
	b.batch(t, "b0", store.StateSucceeded)
	b.Check(t.Context())
	b.hook(t, "all", FormatJSON)
	b.hook(t, "failures", FormatJSON, EventFailed)
	b.Check(t.Context())
	require.Empty(t, b.events(), "what was before is not told")

	b.batch(t, "b1", store.StateSucceeded)
	b.batch(t, "b2", store.StateFailed)
	b.Check(t.Context())
	require.ElementsMatch(t, []string{"started", "ended", "started", "failed", "failed"}, b.events())
	b.Check(t.Context())
	require.Len(t, b.events(), 5, "each once")
	i := slices.IndexFunc(b.bodies, func(body []byte) bool { return strings.Contains(string(body), "en started b1") })
	var m Message
	require.NoError(t, json.Unmarshal(b.bodies[i], &m))
	require.Equal(t, "https://knm.example/batches/b1", m.URL)
	require.Equal(t, "en started b1", m.Text)
	require.Equal(t, "bob", m.By)
	stamp := b.got[i].Header.Get("X-KNM-Timestamp")
	require.Equal(t, "sha256="+hex.EncodeToString(sum(secret, stamp+"."+string(b.bodies[i]))),
		b.got[i].Header.Get("X-KNM-Signature"))
}

// What cannot be sent is sent later, also by another process, and is given up in the end.
func TestHooks_areTriedAgain(t *testing.T) {
	b := newBench(t, loopback)
	b.hook(t, "all", FormatJSON, EventStarted)
	b.status = http.StatusBadGateway
	b.batch(t, "b1", store.StateRunning)
	b.Check(t.Context())
	b.Check(t.Context())
	require.Len(t, b.events(), 1, "not before its time")
	_, log, err := b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, store.DeliveryPending, log[0].State)
	require.Equal(t, "502 Bad Gateway", log[0].Answer)

	b.now, b.status = b.now.Add(firstWait), http.StatusOK
	b.Service = New(b.Dependencies)
	b.Check(t.Context())
	_, log, err = b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, store.DeliverySent, log[0].State)
	require.Equal(t, 2, log[0].Attempts)

	b.status = http.StatusFound // is not followed
	b.batch(t, "b2", store.StateRunning)
	for range patience / longestWait {
		b.Check(t.Context())
		b.now = b.now.Add(longestWait)
	}
	_, log, err = b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, store.DeliveryPending, log[0].State)
	b.Check(t.Context())
	_, log, err = b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, store.DeliveryFailed, log[0].State)
	for _, q := range b.got {
		require.Equal(t, "/in", q.URL.Path)
	}
}

// Private and loopback addresses need the option; those of metadata services never work.
func TestHooks_leadOnlyWhereTheyMay(t *testing.T) {
	b := newBench(t)
	h := b.hook(t, "loopback", FormatSlack)
	require.NoError(t, b.Test(admin(t), h.ID))
	b.Check(t.Context())
	require.Empty(t, b.events())
	_, log, err := b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, "address refused", log[0].Answer)

	all := newBench(t, netip.MustParsePrefix("0.0.0.0/0"))
	h, err = all.Create(admin(t), form.Fields{
		"name": {"metadata"}, "url": {"https://169.254.169.254/latest"}, "format": {FormatSlack},
	}, nil)
	require.NoError(t, err)
	require.NoError(t, all.Test(admin(t), h.ID))
	all.Check(t.Context())
	_, log, err = all.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, "address refused", log[0].Answer)
	require.Equal(t, store.DeliveryFailed, log[0].State, "a test is not tried again")
}

func TestHooks_formats(t *testing.T) {
	b := newBench(t, loopback)
	for _, format := range Formats()[1:] {
		h := b.hook(t, format, format)
		require.NoError(t, b.Test(admin(t), h.ID))
		b.Check(t.Context()) // one after the other
	}
	var slack, dingTalk, feishu, teams map[string]any
	for i, into := range []*map[string]any{&slack, &feishu, &dingTalk, &teams} {
		require.NoError(t, json.Unmarshal(b.bodies[i], into))
	}
	require.Equal(t, "en test ", slack["text"])
	require.Equal(t, "text", feishu["msg_type"])
	stamp := feishu["timestamp"].(string)
	require.Equal(t, base64.StdEncoding.EncodeToString(sum(stamp+"\n"+secret, "")), feishu["sign"])
	require.Equal(t, "text", dingTalk["msgtype"])
	query := b.got[2].URL.Query()
	require.Equal(t, "private", query.Get("key"))
	require.Equal(t, base64.StdEncoding.EncodeToString(sum(secret, query.Get("timestamp")+"\n"+secret)), query.Get("sign"))
	require.Equal(t, "message", teams["type"])

	b.answer = `{"code":19021,"msg":"sign match fail"}`
	h := b.hook(t, "refuses", FormatFeishu)
	require.NoError(t, b.Test(admin(t), h.ID))
	b.Check(t.Context())
	_, log, err := b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, store.DeliveryFailed, log[0].State, "it answers 200 to what it refuses")
	require.Equal(t, "19021 sign match fail", log[0].Answer)
}

// A drain that waits for a budget is told once, when it has waited long enough.
func TestHooks_blocked(t *testing.T) {
	b := newBench(t, loopback)
	b.hook(t, "all", FormatJSON, EventBlocked)
	b.hook(t, "failures", FormatJSON, EventFailed) // is not told
	b.batch(t, "b1", store.StateRunning)
	stored, err := b.Store.Batch(t.Context(), "b1")
	require.NoError(t, err)
	waits := func(budget string, ago time.Duration) batch.DrainNode {
		block := drain.Block{Budget: budget, Since: b.now.Add(-ago)}
		return batch.DrainNode{Progress: drain.Progress{Blocks: []drain.Block{block}}}
	}
	b.running = []batch.View{{Batch: stored, Drain: &batch.Drain{Blocked: 3, Nodes: []batch.DrainNode{
		waits("shop/web", 0), waits("shop/db", time.Minute), waits("shop/web", 0),
	}}}}
	b.Check(t.Context())
	b.now = b.now.Add(9*time.Minute - time.Second)
	b.Check(t.Context())
	require.Empty(t, b.events())
	b.now = b.now.Add(time.Second)
	b.Check(t.Context())
	b.Check(t.Context())
	require.Equal(t, []string{EventBlocked}, b.events())
	require.Contains(t, string(b.bodies[0]), `"podsBlocked":3,"minutesBlocked":10,"budgets":["shop/web","shop/db"]`)
}

// A batch that the program has paused waits for a person, who is told; one that a person has
// paused is not.
func TestHooks_pausedForAPerson(t *testing.T) {
	b := newBench(t, loopback)
	b.hook(t, "all", FormatJSON, EventBlocked)
	b.batch(t, "b1", store.StateRunning)
	require.NoError(t, b.Store.SetPaused(admin(t), "b1", true))
	b.Check(t.Context())
	require.Empty(t, b.events())
	require.NoError(t, b.Store.SetPaused(t.Context(), "b1", true, "gate", "health"))
	b.Check(t.Context())
	require.Equal(t, []string{EventBlocked}, b.events())
}

func TestHooks_areForAdministrators(t *testing.T) {
	b := newBench(t)
	user := services.WithActor(t.Context(), services.Actor{ID: 2, Name: "bob", Role: services.RoleUser})
	_, _, err := b.List(user)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = b.Create(user, form.Fields{}, nil)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, services.CodeForbidden, services.CodeOf(b.Test(user, 1)))
	require.Equal(t, services.CodeNotFound, services.CodeOf(b.Delete(admin(t), 99)))
}

func TestHooks_refused(t *testing.T) {
	b := newBench(t, loopback)
	b.hook(t, "taken", FormatJSON)
	right := form.Fields{"name": {"new"}, "url": {"https://hooks.example/x"}, "secret": {secret}}
	for field, value := range map[string]string{
		"name": "taken", "url": "https://ada:pw@hooks.example/", "secret": "short", "cluster": "other", "format": "fax",
		"event": "birthday", "minutes": "0", "language": "xx",
	} {
		_, err := b.Create(admin(t), right.With(field, value), []string{"prod"})
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), field)
		require.Equal(t, field, services.AsError(err).Fields[0].Field)
	}
	_, err := b.Create(admin(t), right.With("url", "http://hooks.example/"), nil)
	require.Equal(t, "error_hook_http", services.AsError(err).Fields[0].Text)
}

// Neither the address nor the secret is in the database in plain text, or in the audit log.
func TestHooks_secretsAreSealed(t *testing.T) {
	b := newBench(t, loopback)
	h := b.hook(t, "all", FormatJSON)
	stored, err := b.Store.Hook(t.Context(), h.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(stored)
	require.NoError(t, err)
	for _, hidden := range []string{"private", secret} {
		require.NotContains(t, string(stored.Secret), hidden)
		require.NotContains(t, string(raw), hidden)
	}
	next := seal.NewKey()
	_, err = b.Store.RewrapSecrets(admin(t), nil, nil, Rewrap(b.Key, next))
	require.NoError(t, err)
	b.Key = next
	require.NoError(t, b.Test(admin(t), h.ID))
	b.Check(t.Context())
	require.Equal(t, []string{EventTest}, b.events())

	require.NoError(t, b.Switch(admin(t), h.ID, true))
	b.batch(t, "b1", store.StateRunning)
	b.Check(t.Context())
	require.NoError(t, b.Switch(admin(t), h.ID, false))
	b.Check(t.Context())
	require.Len(t, b.events(), 1, "what happens while it is disabled is not told")
	require.NoError(t, b.Delete(admin(t), h.ID))
	entries, err := b.Store.Entries(t.Context(), store.EntryQuery{Cluster: "", Limit: 20})
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, string(e.After), "private")
	}
}
