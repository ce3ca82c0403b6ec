package acceptance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// consents are all that a batch of the earlier database may need again.
func (b earlierBatch) consents() url.Values {
	return url.Values{"confirm": {b.Cluster}, "confirm_pods": {"0"}}
}

// testUndo undoes every batch that has changed a node: each node is put into the
// state after the batch, and has to return to the state before it. Then the undo
// itself is undone.
func (e *earlier) testUndo(t *testing.T) {
	undone := map[string]int{}
	for _, b := range e.batches {
		changed := e.prepareUndo(t, b)
		if b.EndedAt == nil {
			continue
		}
		if len(changed) == 0 {
			response := e.request(t, http.MethodPost, "/batches/"+b.ID+"/undo", b.consents(), nil)
			require.Equal(t, http.StatusConflict, response.StatusCode, "%s changed nothing", b.ID)
			continue
		}
		back := e.act(t, b.ID, "undo", b.consents())
		e.requireUndone(t, b, changed, back)
		if again := e.undoAgain(t, b, back); again {
			for _, it := range changed {
				_, after := it.states(t)
				after.require(t, e.cluster, it.Node, "undo of the undo of "+b.Operation+" "+b.ID)
			}
		}
		undone[b.Operation]++
	}
	want := map[string]int{"cordon": 5, "uncordon": 3, "label": 16, "taint": 6, "copy-taints": 2, "drain": 2, "undo": 9}
	require.Equal(t, want, undone)
}

// prepareUndo puts every node into the state after a batch, and returns the items
// that can be undone.
func (e *earlier) prepareUndo(t *testing.T, b earlierBatch) []itemDoc {
	t.Helper()
	var changed []itemDoc
	for _, it := range b.Items {
		if !it.undoable(t) {
			continue
		}
		before, after := it.states(t)
		before.put(t, e.cluster, it.Node) // also what the batch did not change
		after.put(t, e.cluster, it.Node)
		changed = append(changed, it)
	}
	e.nodes(t, b.Cluster, "fresh=1") // the program has not seen these changes
	return changed
}

func (e *earlier) requireUndone(t *testing.T, b earlierBatch, changed []itemDoc, back batchDoc) {
	t.Helper()
	about := "undo of " + b.Operation + " " + b.ID
	require.Equal(t, "succeeded", back.State, "%s: %v", about, back.Items)
	require.Equal(t, b.ID, *back.UndoOf)
	require.Equal(t, nodesOf(changed), nodesOf(back.Items), about)
	for _, it := range changed {
		before, _ := it.states(t)
		before.require(t, e.cluster, it.Node, about)
	}
}

// undoAgain undoes an undo, if that has changed every one of its nodes.
func (e *earlier) undoAgain(t *testing.T, b earlierBatch, back batchDoc) bool {
	t.Helper()
	if back.Counts["succeeded"] != back.Total {
		return false
	}
	again := e.act(t, back.ID, "undo", b.consents())
	require.Equal(t, "succeeded", again.State, "%v", again.Items)
	return true
}

func nodesOf(items []itemDoc) []string {
	var names []string
	for _, it := range items {
		names = append(names, it.Node)
	}
	slices.Sort(names)
	return names
}

// testUndoChanged checks that a node which somebody else has changed since is
// skipped, unless the undo is forced.
func (e *earlier) testUndoChanged(t *testing.T) {
	b := e.find(t, "label", "another value of four nodes", func(b earlierBatch) bool {
		return string(b.Params) == `{"mode":"add","overwrite":true,"set":{"tier":"silver"}}`
	})
	changed := e.prepareUndo(t, b)
	require.Len(t, changed, 4)
	other := changed[1].Node
	changeBehind(t, e.cluster, other, `{"metadata":{"labels":{"tier":"bronze"}}}`)
	back := e.act(t, b.ID, "undo", nil)
	require.Equal(t, []any{"partial", 1, 3}, []any{back.State, back.Counts["skipped"], back.Counts["succeeded"]})
	require.Equal(t, "bronze", labels(t, e.cluster, other)["tier"])
	forced := e.act(t, b.ID, "undo", url.Values{"node": {other}, "force": {"1"}})
	require.Equal(t, "succeeded", forced.State)
	require.Equal(t, "gold", labels(t, e.cluster, other)["tier"])
}

func (e *earlier) find(t *testing.T, operation, about string, is func(earlierBatch) bool) earlierBatch {
	t.Helper()
	i := slices.IndexFunc(e.batches, func(b earlierBatch) bool { return b.Operation == operation && is(b) })
	require.GreaterOrEqual(t, i, 0, about)
	return e.batches[i]
}

// testRetry retries every batch in which some nodes did not succeed.
func (e *earlier) testRetry(t *testing.T) {
	retried := map[string]int{}
	for _, b := range e.batches {
		var left []itemDoc
		for _, it := range b.Items {
			if it.State == "failed" || it.State == "skipped" || it.State == "cancelled" {
				left = append(left, it)
			}
		}
		if b.EndedAt == nil || len(left) == 0 {
			continue
		}
		for _, it := range left {
			e.prepareRetry(t, b, it)
		}
		e.nodes(t, b.Cluster, "fresh=1") // the program has not seen these changes
		again := e.retry(t, b)
		require.Equal(t, nodesOf(left), nodesOf(again.Items))
		requireSameParams(t, b, again)
		e.requireRetried(t, b, again)
		retried[b.Operation]++
	}
	require.Equal(t, map[string]int{"cordon": 2, "label": 7, "undo": 1, "drain": 2}, retried)
}

// requireSameParams requires that another try has the parameters of the first. The pace
// of a drain was among them once, and belongs to the rollout of every batch since.
func requireSameParams(t *testing.T, first, again earlierBatch) {
	t.Helper()
	var want, rollout map[string]any
	require.NoError(t, json.Unmarshal(first.Params, &want))
	if first.Operation == "drain" {
		require.NoError(t, json.Unmarshal(again.Rollout, &rollout))
		require.Equal(t, want["parallel"], rollout["parallel"])
		require.Equal(t, want["by_zone"], rollout["order"] == "zone")
		if want["max_failures"] != float64(0) {
			require.Equal(t, want["max_failures"], rollout["maxFailures"])
		}
		for _, moved := range []string{"parallel", "by_zone", "max_failures"} {
			delete(want, moved)
		}
		want["disrupt"], want["restart_first"] = false, false // nobody was asked then
	}
	require.Equal(t, want, decode(t, again.Params))
}

func (e *earlier) retry(t *testing.T, b earlierBatch) earlierBatch {
	t.Helper()
	var again earlierBatch
	made := e.act(t, b.ID, "retry", b.consents())
	require.Equal(t, b.ID, *made.RetryOf)
	e.request(t, http.MethodGet, "/batches/"+made.ID, nil, &again)
	return again
}

// prepareRetry puts a node into a state in which the batch can succeed: an undo
// finds its change, and labels that must not be overwritten are absent.
func (e *earlier) prepareRetry(t *testing.T, b earlierBatch, it itemDoc) {
	t.Helper()
	if strings.HasPrefix(it.Node, "ghost-") {
		return
	}
	if b.UndoOf == nil {
		before, _ := it.states(t)
		for key := range before.Labels {
			before.Labels[key] = nil
		}
		before.put(t, e.cluster, it.Node)
		return
	}
	first := e.find(t, "label", "what was undone", func(first earlierBatch) bool { return first.ID == *b.UndoOf })
	for _, done := range first.Items {
		if done.Node == it.Node {
			_, after := done.states(t)
			after.put(t, e.cluster, it.Node)
		}
	}
}

func (e *earlier) requireRetried(t *testing.T, b, again earlierBatch) {
	t.Helper()
	for _, it := range again.Items {
		about := "retry of " + b.Operation + " " + b.ID + ": " + it.Node + ": " + it.Error
		if strings.HasPrefix(it.Node, "ghost-") {
			require.Equal(t, "failed", it.State, about)
			continue
		}
		require.Equal(t, "succeeded", it.State, about)
		_, after := it.states(t)
		after.require(t, e.cluster, it.Node, about)
	}
}

// testResume resumes every interrupted batch until its end.
func (e *earlier) testResume(t *testing.T) {
	for _, b := range e.batches {
		if b.EndedAt != nil {
			continue
		}
		for _, it := range b.Items {
			before, _ := it.states(t)
			if it.State != "failed" {
				before.put(t, e.cluster, it.Node)
			}
		}
		ended := e.resume(t, b)
		want := "succeeded"
		if b.Counts["failed"] > 0 {
			want = "partial"
		}
		require.Equal(t, want, ended.State, "%s: %v", b.ID, ended.Items)
		for i, it := range ended.Items {
			if b.Items[i].EndedAt != nil {
				require.Empty(t, differences(asJSON(t, b.Items[i]), asJSON(t, it), it.Node), "it had ended before")
				continue
			}
			require.Equal(t, "succeeded", it.State)
			_, after := it.states(t)
			after.require(t, e.cluster, it.Node, b.Operation+" "+b.ID)
		}
	}
	require.Empty(t, e.history(t, "state=interrupted"))
}

// resume resumes a batch, also after each of its waves.
func (e *earlier) resume(t *testing.T, b earlierBatch) batchDoc {
	t.Helper()
	path := "/batches/" + b.ID + "/resume"
	require.Equal(t, http.StatusOK, e.request(t, http.MethodPost, path, b.consents(), nil).StatusCode, b.ID)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now := e.control(t, b.ID)
		if now.EndedAt != nil {
			return now.batchDoc
		}
		if now.Paused || now.Gate != nil {
			e.request(t, http.MethodPost, path, b.consents(), nil)
		}
		require.True(t, time.Now().Before(end), "%s is %s: %v", b.ID, now.State, now.Counts)
	}
}

// asJSON returns a value as it is after encoding and decoding.
func asJSON(t testing.TB, value any) any {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return decode(t, raw)
}
