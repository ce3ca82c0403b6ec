package admin

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"kube-node-manager/services/notify"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// HooksView is the page of the webhooks.
type HooksView struct {
	Hooks    []store.Hook
	Log      []store.Delivery // the newest first
	Clusters []string
	Typed    url.Values // the form, if it had errors
	Problem  *ui.Problem
	Now      time.Time
}

// HookURL returns the address of something that is done to a hook.
func HookURL(id int64, verb string) string {
	return ui.HooksURL + "/" + strconv.FormatInt(id, 10) + "/" + verb
}

// wantsEvent reports whether the box of an event is ticked: all are in an empty form.
func wantsEvent(v HooksView, event string) bool {
	return len(v.Typed) == 0 || slices.Contains(v.Typed["event"], event)
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
		"Failed", m.Counts.Failed+m.Counts.Skipped, "Succeeded", m.Counts.Succeeded+m.Counts.Unchanged)
	if m.Reason != "" {
		text += "\n" + ui.T(ctx, "notify_reason", "Reason", m.Reason)
	}
	return text
}
