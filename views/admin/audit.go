// Package admin holds the pages around the work on nodes: sign-in, set-up, the
// clusters and the audit log.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/audit"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// AuditView is a page of the audit log.
type AuditView struct {
	Page       audit.Page
	Everything bool        // the reader sees what all others did as well
	OnlyLogins bool        // the reader sees their own logins and nothing else
	Problem    *ui.Problem // what is wrong with the filters
	Now        time.Time
}

// AuditPageURL gives the page after this one.
func AuditPageURL(p audit.Page) string {
	values := auditValues(p.Query)
	values.Set("before", strconv.FormatInt(p.Older, 10))
	return ui.WithQuery(ui.AuditURL, values)
}

// AuditCSVURL gives all that the filters let through.
func AuditCSVURL(q audit.Query) string { return ui.WithQuery(ui.AuditURL+".csv", auditValues(q)) }

// AuditObjectURL gives all that is known about one object.
func AuditObjectURL(object string) string {
	return ui.WithQuery(ui.AuditURL, url.Values{"object": {object}})
}

func auditValues(q audit.Query) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"actor": q.Actor, "object": q.Object, "action": q.Action, "cluster": q.Cluster, "result": q.Result,
		"since": q.Since, "from": q.From, "to": q.To, "q": q.Text,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// auditFiltered reports whether the page shows less than all.
func auditFiltered(q audit.Query) bool { return len(auditValues(q)) > 0 }

// auditActions are the actions that the reader may find.
func auditActions(v AuditView) []audit.Action {
	if v.OnlyLogins {
		return audit.Logins()
	}
	return store.Actions()
}

func actionWord(ctx context.Context, a audit.Action) string {
	return ui.T(ctx, "audit_"+strings.ReplaceAll(string(a), ".", "_"))
}

func resultWord(ctx context.Context, r audit.Result) string {
	return ui.T(ctx, "audit_result_"+string(r))
}

func resultKind(r audit.Result) string {
	switch r {
	case store.ResultOK:
		return "done"
	case store.ResultPartial:
		return "warn"
	case store.ResultCancelled:
		return "stop"
	default:
		return "bad"
	}
}

// auditActor names who did it; what nobody did was the program itself.
func auditActor(ctx context.Context, e audit.Entry) string {
	switch {
	case e.Actor == audit.CommandLine && e.ActorID == 0:
		return ui.T(ctx, "audit_command_line")
	case e.Actor != "":
		return e.Actor
	case e.Action == store.ActionLoginFailed:
		return ui.T(ctx, "audit_unknown_name")
	default:
		return ui.T(ctx, "audit_program")
	}
}

// auditFacts is what an entry's After holds, as far as the page has words for it.
type auditFacts struct {
	Operation string
	Total     int
	Counts    batch.Counts
	Params    json.RawMessage
	Why       string
	Role      string
	User      string
	Tokens    int
	Count     int // of refused sign-ins
	Reasons   map[string]int
	Templates int
	Batches   int
	Entries   int
}

func factsOf(e audit.Entry) auditFacts {
	var f auditFacts
	_ = json.Unmarshal(e.After, &f) // what cannot be read has no words
	return f
}

// auditObject names what an entry is about.
func auditObject(ctx context.Context, e audit.Entry) string {
	if f := factsOf(e); strings.HasPrefix(string(e.Action), "batch.") && f.Operation != "" {
		return ui.BatchTitle(ctx, f.Operation, f.Total)
	}
	return e.Object
}

// ofThemselves reports whether somebody did it to themselves, like a sign-in.
func ofThemselves(e audit.Entry) bool { return e.ActorID != 0 && e.Object == e.Actor }

// auditNote says the rest of an entry in words, "" when there is none.
func auditNote(ctx context.Context, e audit.Entry) string {
	f := factsOf(e)
	switch e.Action {
	case store.ActionBatchEnd:
		return auditCounts(ctx, f.Counts)
	case store.ActionLoginFailed:
		return auditRefused(ctx, f)
	case store.ActionUserPassword:
		return auditTokens(ctx, f.Tokens)
	case store.ActionUserRole:
		return ui.T(ctx, "audit_from_role_to", "From", roleWord(ctx, factsBefore(e).Role), "To", roleWord(ctx, f.Role))
	case store.ActionUserDelete:
		return auditTokens(ctx, factsBefore(e).Tokens)
	case store.ActionTokenRevoke:
		return ui.T(ctx, "audit_for_user", "User", factsBefore(e).User)
	case store.ActionUserCreate, store.ActionSetup:
		return ui.T(ctx, "audit_as_role", "Role", roleWord(ctx, f.Role))
	case store.ActionTokenCreate:
		return ui.T(ctx, "audit_for_user", "User", f.User)
	case store.ActionTemplateImport:
		return ui.N(ctx, "templates_count", f.Templates)
	case store.ActionRetention:
		return ui.T(ctx, "audit_purged", "Batches", ui.Number(f.Batches), "Entries", ui.Number(f.Entries))
	default:
		return ""
	}
}

// factsBefore is factsOf for what was before.
func factsBefore(e audit.Entry) auditFacts {
	e.After = e.Before
	return factsOf(e)
}

// auditTokens says how many tokens ended with something, "" for none.
func auditTokens(ctx context.Context, n int) string {
	if n == 0 {
		return ""
	}
	return ui.N(ctx, "audit_tokens_ended", n)
}

// auditRefused says why sign-ins were refused and, where an entry stands for many,
// how many there were.
func auditRefused(ctx context.Context, f auditFacts) string {
	why := auditWhy(ctx, f.Why)
	if len(f.Reasons) > 0 {
		var words []string
		for _, reason := range slices.Sorted(maps.Keys(f.Reasons)) {
			words = append(words, auditWhy(ctx, reason)+" "+ui.Number(f.Reasons[reason]))
		}
		why = strings.Join(words, " · ")
	}
	if f.Count == 0 {
		return why
	}
	return ui.N(ctx, "audit_times", f.Count) + " · " + why
}

func auditWhy(ctx context.Context, why string) string {
	if id := "audit_why_" + why; ui.HasMessage(ctx, id) {
		return ui.T(ctx, id)
	}
	return why
}

func roleWord(ctx context.Context, role string) string {
	if id := "role_" + role; ui.HasMessage(ctx, id) {
		return ui.T(ctx, id)
	}
	return role
}

// auditCounts gives what became of a batch's nodes.
func auditCounts(ctx context.Context, c batch.Counts) string {
	var parts []string
	for _, p := range []struct {
		id string
		n  int
	}{{"audit_n_done", c.Succeeded + c.Unchanged}, {"audit_n_failed", c.Failed}, {"audit_n_left", c.Skipped + c.Cancelled}} {
		if p.n > 0 {
			parts = append(parts, ui.T(ctx, p.id, "N", ui.Number(p.n)))
		}
	}
	return strings.Join(parts, " · ")
}

// auditDetail is a state before or after, as it was written down.
type auditDetail struct{ Name, Text string }

// auditDetails gives what people unfold: those of a template, and what was asked
// of a batch. Those of a node are in the batch.
func auditDetails(ctx context.Context, e audit.Entry) []auditDetail {
	if e.Action == store.ActionBatchCreate {
		e.After = factsOf(e).Params // the rest stands in the row
	} else if !strings.HasPrefix(string(e.Action), "template.") {
		return nil
	}
	var out []auditDetail
	for _, d := range []struct {
		name string
		raw  json.RawMessage
	}{{ui.T(ctx, "audit_before"), e.Before}, {ui.T(ctx, "audit_after"), e.After}} {
		var text bytes.Buffer
		if len(d.raw) > len("{}") && json.Indent(&text, d.raw, "", "  ") == nil {
			out = append(out, auditDetail{d.name, text.String()})
		}
	}
	if e.Action == store.ActionBatchCreate && len(out) == 1 {
		out[0].Name = ui.T(ctx, "audit_asked")
	}
	return out
}

// auditFrom says from where something came.
func auditFrom(ctx context.Context, e audit.Entry) string {
	if e.RequestID == "" {
		return ""
	}
	return ui.T(ctx, "request_id", "ID", e.RequestID)
}

// auditAbout says whose entries the page shows.
func auditAbout(ctx context.Context, v AuditView) string {
	switch {
	case v.Everything:
		return ui.T(ctx, "audit_about_all")
	case v.OnlyLogins:
		return ui.T(ctx, "audit_about_logins")
	default:
		return ui.T(ctx, "audit_about_own")
	}
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
