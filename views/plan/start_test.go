package plan_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/rule"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// chosenStart returns which start is chosen, whether the choice is shown, and what it says of
// windows.
func chosenStart(t *testing.T, change func(*plan.View)) (chosen string, open bool, next string) {
	t.Helper()
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(change))))
	start := doc.Find("#start")
	_, open = start.Attr("open")
	return start.Find("[name=start][checked]").AttrOr("value", ""), open, viewstest.Squeezed(start.Find("#next-window"))
}

func TestStart_choices(t *testing.T) {
	window := rule.Opening{
		From:  time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC),
		Until: time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC),
	}
	chosen, open, next := chosenStart(t, nil)
	require.Equal(t, []any{"now", false, ""}, []any{chosen, open, next})

	chosen, open, next = chosenStart(t, func(v *plan.View) { v.When = batch.When{Windows: true, Next: &window} })
	require.Equal(t, []any{"now", false, "Sat 2026-11-28 22:00 – Sun 2026-11-29 02:00"}, []any{chosen, open, next})

	must := batch.When{Windows: true, Must: true, Next: &window}
	chosen, open, _ = chosenStart(t, func(v *plan.View) { v.When = must })
	require.Equal(t, []any{"window", true}, []any{chosen, open})
	must.Open = true
	chosen, _, next = chosenStart(t, func(v *plan.View) { v.When = must })
	require.Equal(t, []any{"now", "Open now, until Sun 2026-11-29 02:00"}, []any{chosen, next})
	must.Next = nil
	_, _, next = chosenStart(t, func(v *plan.View) { v.When = must })
	require.Contains(t, next, "No window")

	chosen, open, _ = chosenStart(t, func(v *plan.View) {
		v.Typed = url.Values{"start": {"at"}, "start_at": {"x"}}
		v.Problem = &ui.Problem{Text: "No.", Fields: map[string]string{"start_at": "Not a time."}}
	})
	require.Equal(t, []any{"at", true}, []any{chosen, open})
}

// Without a script, every choice is a field of the form.
func TestStart_isAForm(t *testing.T) {
	at := time.Date(2026, 11, 28, 22, 15, 0, 0, time.UTC)
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(func(v *plan.View) {
		v.When = batch.When{At: at}
	}))))
	sent := viewstest.FormValues(doc.Find("#plan-form"))
	require.Equal(t, "at", sent.Get("start"))
	require.Equal(t, "2026-11-28T22:15", sent.Get("start_at"))
}
