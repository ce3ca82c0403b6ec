// Package admin holds the pages around the work on nodes: sign-in, set-up, the
// clusters and the audit log.
package admin

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"kube-node-manager/services/audit"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// AuditView is a page of the audit log.
type AuditView struct {
	Page       audit.Page
	Everything bool        // the reader sees the entries of everybody
	OnlyLogins bool        // the reader sees only their own sign-ins
	Problem    *ui.Problem // what is wrong with the filters
	Now        time.Time
}

// AuditPageURL returns the page of older entries.
func AuditPageURL(p audit.Page) string {
	values := auditValues(p.Query)
	values.Set("before", strconv.FormatInt(p.Older, 10))
	return ui.WithQuery(ui.AuditURL, values)
}

// AuditCSVURL returns all entries that match the filters as CSV.
func AuditCSVURL(q audit.Query) string { return ui.WithQuery(ui.AuditURL+".csv", auditValues(q)) }

// AuditObjectURL returns the entries about one object.
func AuditObjectURL(object string) string {
	return ui.WithQuery(ui.AuditURL, url.Values{"object": {object}})
}

func auditValues(q audit.Query) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"actor": q.Actor, "object": q.Object, "action": q.Action, "cluster": q.Cluster, "node": q.Node, "result": q.Result,
		"since": q.Since, "from": q.From, "to": q.To, "q": q.Text,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// auditFiltered reports whether a filter is set.
func auditFiltered(q audit.Query) bool { return len(auditValues(q)) > 0 }

// auditActions returns the actions that the reader may see.
func auditActions(v AuditView) []audit.Action {
	if v.OnlyLogins {
		return audit.Logins()
	}
	return store.Actions()
}

func actionOptions(ctx context.Context, v AuditView) []ui.Option {
	var out []ui.Option
	for _, a := range auditActions(v) {
		out = append(out, ui.Option{Value: string(a), Text: actionWord(ctx, a)})
	}
	return out
}

func resultOptions(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, r := range store.Results() {
		out = append(out, ui.Option{Value: string(r), Text: resultWord(ctx, r)})
	}
	return out
}

func auditRowID(e audit.Entry) string { return "entry-" + strconv.FormatInt(e.ID, 10) }

func auditNewestURL(q audit.Query) string { return ui.WithQuery(ui.AuditURL, auditValues(q)) }

func auditWithoutObject(q audit.Query) string {
	q.Object = ""
	return auditNewestURL(q)
}

func auditWithoutNode(q audit.Query) string {
	q.Node = ""
	return auditNewestURL(q)
}
