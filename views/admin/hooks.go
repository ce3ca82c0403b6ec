package admin

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/notify"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// HooksView is the page of the webhooks.
type HooksView struct {
	Hooks []store.Hook
	Log   []store.Delivery // the newest first
	Form  HookForm         // of a new one
	Now   time.Time
}

// HookForm is the form of a webhook.
type HookForm struct {
	Hook     *store.Hook // as it is stored; nil for a new one
	Clusters []string    // that it can be for
	Typed    url.Values  // the form, if it had errors
	Problem  *ui.Problem
}

// value returns what a field has: what was typed, or what is stored.
func (v HookForm) value(name string) string {
	h := v.Hook
	if len(v.Typed) > 0 || h == nil {
		return v.Typed.Get(name)
	}
	stored := map[string]string{
		"name": h.Name, "cluster": h.Cluster, "format": h.Format, "language": h.Language,
		"minutes": strconv.Itoa(h.Minutes),
	}
	return stored[name]
}

// wants reports whether the box of an event is ticked: all are in an empty form.
func (v HookForm) wants(event string) bool {
	switch {
	case len(v.Typed) > 0:
		return slices.Contains(v.Typed["event"], event)
	case v.Hook != nil:
		return slices.Contains(v.Hook.Events, event)
	default:
		return true
	}
}

// clusters returns the clusters to choose from, with that of the webhook, which may be gone.
func (v HookForm) clusters() []string {
	if v.Hook == nil || v.Hook.Cluster == "" || slices.Contains(v.Clusters, v.Hook.Cluster) {
		return v.Clusters
	}
	return append(slices.Clone(v.Clusters), v.Hook.Cluster)
}

// HookURL returns the address of something that is done to a hook.
func HookURL(id int64, verb string) string {
	return ui.HooksURL + "/" + strconv.FormatInt(id, 10) + "/" + verb
}

// eventWords lists events in words.
func eventWords(ctx context.Context, events []string) string {
	words := make([]string, len(events))
	for i, event := range events {
		words[i] = ui.T(ctx, "hook_event_"+event)
	}
	return ui.Joined(words)
}

// deliveryKind returns the mark of a delivery.
func deliveryKind(d store.Delivery) string {
	switch d.State {
	case store.DeliverySent:
		return "done"
	case store.DeliveryFailed:
		return "bad"
	default:
		return "run"
	}
}

// HookText says a message in a language.
func HookText(language string, m notify.Message) string {
	ctx := ui.WithLocale(context.Background(), language)
	if m.Event == notify.EventTest {
		return ui.T(ctx, "notify_test", "By", m.By)
	}
	id := "notify_" + m.Event
	if m.Event == notify.EventBlocked && m.Blocked == 0 {
		id = "notify_held"
	}
	text := ui.T(ctx, id, "Title", ui.BatchTitle(ctx, m.Operation, m.Total), "Cluster", m.Cluster,
		"By", m.By, "State", ui.T(ctx, "state_"+m.State), "Pods", m.Blocked,
		"For", ui.AgeText(ctx, time.Duration(m.BlockedFor)*time.Minute),
		"Failed", m.Counts.Failed+m.Counts.Skipped, "Succeeded", m.Counts.Succeeded+m.Counts.Unchanged)
	if len(m.Budgets) > 0 {
		text += "\n" + ui.T(ctx, "notify_budgets", "Budgets", strings.Join(m.Budgets, ", "))
	}
	if m.Reason != "" {
		text += "\n" + ui.T(ctx, "notify_reason", "Reason", m.Reason)
	}
	return text
}
