package batch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// maxReason is the length of a reason in characters; it becomes an annotation
// and a line of the table.
const maxReason = 200

// maxKey is the length of an idempotency key in characters; every batch keeps
// its own.
const maxKey = 128

// Request asks for a batch.
type Request struct {
	Cluster        string
	Operation      string
	Form           url.Values // the operation's own fields
	Nodes          []string   // by name; a name that comes twice counts once
	Reason         string
	IdempotencyKey string // of the form; a second request with it gives the first one's batch
	// RetryOf is an ended batch whose operation is to be tried again, with its
	// parameters, on those of its nodes that did not get there.
	RetryOf string
	// Guarded says that a person's form asks: a plan that goes far is refused
	// with TextReach until the form carries its digest, as "plan".
	Guarded bool

	preview bool // only the plan is asked for: what must be confirmed for the deed may be left out
}

// Submit checks a request, stores the batch with its items, and starts it. Once
// it returns, the batch survives anything short of the loss of the disk.
//
// Errors: CodeInvalid names the wrong fields; CodeForbidden; CodeNotFound for
// the cluster; CodeConflict for an idempotency key that belongs to another
// request; CodeThrottled beyond the engine's Limits; CodeUnavailable when the
// cluster's nodes cannot be read.
func (e *Engine) Submit(ctx context.Context, q Request) (View, error) {
	b, definition, nodes, err := e.check(ctx, q)
	if err != nil {
		return View{}, err
	}
	if earlier, found, err := e.repeated(ctx, b); found || err != nil {
		return earlier, err
	}
	leave, err := e.planning.enter(ctx, b.Cluster, b.ActorID)
	if err != nil {
		return View{}, err
	}
	defer leave()
	if err := e.roomFor(b); err != nil {
		return View{}, err
	}
	if err := e.resolve(ctx, &b, definition); err != nil {
		return View{}, err
	}
	plan, err := e.plan(ctx, b, definition, nodes, true)
	if err != nil {
		return View{}, err
	}
	if err := plan.guarded(q); err != nil {
		return View{}, err
	}
	if err := plan.agreed(services.ActorFrom(ctx), b.Cluster, q.Form); err != nil {
		return View{}, err
	}
	items, err := itemsOf(plan)
	if err != nil {
		return View{}, err
	}
	r, err := e.newRun(ctx, b, definition)
	if err != nil {
		return View{}, err
	}
	r.planned, r.asks = plan.inventory, asks(b, definition, r.op, nodes)
	if err := e.store.InsertBatch(ctx, r.batch, items); err != nil {
		if services.CodeOf(err) != services.CodeConflict {
			return View{}, fmt.Errorf("store the batch: %w", err)
		}
		earlier, _, err := e.repeated(ctx, b) // the same form was sent twice at once
		return earlier, err
	}
	// From here on the batch is accepted: a reader who goes away ends nothing.
	if err := e.launch(context.WithoutCancel(ctx), r, items); err != nil {
		return View{}, err
	}
	e.watcher.BatchChanged(b.Cluster, b.ID)
	return r.view(), nil
}

// check refuses what is wrong with a request before anything is read or stored.
func (e *Engine) check(ctx context.Context, q Request) (Batch, operation.Definition, []string, error) {
	actor := services.ActorFrom(ctx)
	fail := func(err error) (Batch, operation.Definition, []string, error) {
		return Batch{}, operation.Definition{}, nil, err
	}
	if _, err := e.clusters.Client(q.Cluster); err != nil {
		return fail(err)
	}
	definition, err := operation.Find(q.Operation)
	if err != nil {
		return fail(err)
	}
	if err := actor.Require(definition.Permit); err != nil {
		return fail(err)
	}
	from, mine, err := e.origin(ctx, q)
	if err != nil {
		return fail(err)
	}
	params := from.Params
	if q.RetryOf == "" {
		params, err = definition.Parse(q.Form)
	}
	if err != nil {
		return fail(err)
	}
	if definition.Authorize != nil && !q.preview {
		if err := definition.Authorize(actor, q.Cluster, q.Form, params); err != nil {
			return fail(err)
		}
	}
	rollout, err := ParseRollout(q.Form, definition.Long)
	if err != nil {
		return fail(err)
	}
	nodes, reason := unique(q.Nodes), strings.TrimSpace(q.Reason)
	if from.ID != "" {
		nodes = mine
	}
	wrong := slices.Concat(checkNodes(nodes), checkReason(reason), checkKey(q.IdempotencyKey))
	if len(wrong) > 0 {
		return fail(services.InvalidFields(wrong...))
	}
	b := Batch{
		Cluster: q.Cluster, Operation: q.Operation, Params: params, Reason: reason, Total: len(nodes),
		ActorID: actor.ID, By: actor.Name, ActorRole: actor.Role, Address: actor.Address, RequestID: actor.RequestID,
		IdempotencyKey: q.IdempotencyKey, State: store.StateRunning, CreatedAt: e.now().Truncate(time.Millisecond),
	}
	if b.Rollout, err = encodeRollout(rollout); err != nil {
		return fail(err)
	}
	b.RetryOf, b.UndoOf = q.RetryOf, operation.UndoOf(params)
	b.ID, b.Fingerprint = newID(b.CreatedAt), fingerprint(b, nodes)
	return b, definition, nodes, nil
}

func checkNodes(nodes []string) []services.FieldError {
	switch {
	case len(nodes) == 0:
		return []services.FieldError{{Field: "node", Text: "error_nodes_none"}}
	case len(nodes) > MaxNodes:
		return []services.FieldError{{Field: "node", Text: "error_nodes_many", Args: services.Args("Count", len(nodes), "Max", MaxNodes)}}
	}
	for _, name := range nodes {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			return []services.FieldError{{Field: "node", Text: "error_node_name", Args: services.Args("Name", clip(name))}}
		}
	}
	return nil
}

func checkReason(reason string) []services.FieldError {
	if n := utf8.RuneCountInString(reason); n > maxReason {
		return []services.FieldError{{Field: "reason", Text: "error_reason_long", Args: services.Args("Count", n, "Max", maxReason)}}
	}
	if strings.ContainsFunc(reason, unicode.IsControl) {
		return []services.FieldError{{Field: "reason", Text: "error_reason_control"}}
	}
	return nil
}

func checkKey(key string) []services.FieldError {
	if n := utf8.RuneCountInString(key); n > maxKey {
		return []services.FieldError{{Field: "idempotency_key", Text: "error_key_long", Args: services.Args("Count", n, "Max", maxKey)}}
	}
	return nil
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// unique returns the names once each, in the order of their first use, as far as
// one more than a batch may have.
func unique(names []string) []string {
	seen := map[string]bool{}
	out := make([]string, 0, min(len(names), MaxNodes+1))
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
		if len(out) > MaxNodes {
			break
		}
	}
	return out
}

// repeated gives the batch that the same form made before. A key that comes
// back with another content is refused: to run it again would surprise, and to
// show the old batch would lie.
func (e *Engine) repeated(ctx context.Context, b Batch) (View, bool, error) {
	if b.IdempotencyKey == "" {
		return View{}, false, nil
	}
	earlier, err := e.store.BatchByKey(ctx, b.ActorID, b.IdempotencyKey)
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		return View{}, false, nil
	case err != nil:
		return View{}, false, err
	case earlier.Fingerprint != b.Fingerprint:
		return View{}, false, services.NewError(services.CodeConflict, "error_key_reused")
	}
	view, err := e.View(ctx, earlier.ID)
	return view, true, err
}

// itemsOf makes the items of a plan. A node that the table has not seen yet is
// looked up when its turn comes.
func itemsOf(p Preview) ([]Item, error) {
	items := make([]Item, len(p.Nodes))
	for i, n := range p.Nodes {
		items[i] = Item{Seq: i, Node: n.Node, UID: n.UID, State: store.ItemPending}
		if n.UID == "" {
			continue
		}
		var err error
		if items[i].Before, err = json.Marshal(n.Before); err != nil {
			return nil, fmt.Errorf("encode plan of %s: %w", n.Node, err)
		}
		if items[i].After, err = json.Marshal(n.After); err != nil {
			return nil, fmt.Errorf("encode plan of %s: %w", n.Node, err)
		}
	}
	return items, nil
}

// operationOf makes the operation of a batch.
func (e *Engine) operationOf(ctx context.Context, b Batch, definition operation.Definition) (operation.Operation, error) {
	records, err := e.records(ctx, b.Params)
	if err != nil {
		return nil, err
	}
	return definition.New(b.Params, operation.Meta{Reason: b.Reason, By: b.By, At: b.CreatedAt, Protect: e.options.Protect, Records: records})
}

// newID gives an id that sorts by its time: milliseconds in base 32, then chance.
func newID(at time.Time) string {
	return strings.ToLower(fmt.Sprintf("%09s", strconv.FormatInt(at.UnixMilli(), 32)) + rand.Text()[:8])
}

func fingerprint(b Batch, nodes []string) string {
	h := sha256.New()
	for _, part := range append([]string{b.Cluster, b.Operation, string(b.Params), string(b.Rollout), b.Reason}, nodes...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash never fails to write
	}
	return hex.EncodeToString(h.Sum(nil))
}
