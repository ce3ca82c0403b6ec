package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/audit"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

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

// auditActor returns who did it; without an actor it was the program itself.
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

// auditFacts is the part of an entry's state that the page puts into words.
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
	Grants    []string
	State     string          // of a batch that does not begin at once
	StartsAt  time.Time       // if it is scheduled
	Gate      string          // that was skipped, or at which a batch waits
	Found     json.RawMessage // by a gate
	Limits    struct {
		ReadOnly bool
		Clusters []string
	}
}

// factsOf reads the state after the entry.
func factsOf(e audit.Entry) auditFacts { return readFacts(e.After) }

// factsBefore reads the state before the entry.
func factsBefore(e audit.Entry) auditFacts { return readFacts(e.Before) }

func readFacts(state json.RawMessage) auditFacts {
	var f auditFacts
	_ = json.Unmarshal(state, &f) // what cannot be read is not shown
	return f
}

// auditObject returns what an entry is about.
func auditObject(ctx context.Context, e audit.Entry) string {
	f := factsOf(e)
	if strings.HasPrefix(string(e.Action), "batch.") && f.Operation != "" {
		return ui.BatchTitle(ctx, f.Operation, f.Total)
	}
	return e.Object
}

// ofThemselves reports whether the actor is the object, as at a sign-in.
func ofThemselves(e audit.Entry) bool { return e.ActorID != 0 && e.Object == e.Actor }

// auditNote returns what else there is to say about an entry, or "".
func auditNote(ctx context.Context, e audit.Entry) string {
	f := factsOf(e)
	switch e.Action {
	case store.ActionBatchCreate:
		return auditWait(ctx, f)
	case store.ActionBatchEnd:
		return auditCounts(ctx, f.Counts)
	case store.ActionBatchSkip, store.ActionBatchPause:
		return auditGate(ctx, f.Gate)
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
	case store.ActionUserGrants:
		return auditGrants(ctx, f.Grants)
	case store.ActionUserCreate, store.ActionSetup:
		as := ui.T(ctx, "audit_as_role", "Role", roleWord(ctx, f.Role))
		return ui.Parts(as, strings.Join(f.Grants, ", "))
	case store.ActionTokenCreate:
		return ui.Parts(ui.T(ctx, "audit_for_user", "User", f.User), auditLimits(ctx, f))
	case store.ActionTemplateImport:
		return ui.N(ctx, "templates_count", f.Templates)
	case store.ActionRetention:
		return ui.T(ctx, "audit_purged", "Batches", ui.Number(f.Batches), "Entries", ui.Number(f.Entries))
	default:
		return ""
	}
}

// auditGate names a gate between two waves, "" for none.
func auditGate(ctx context.Context, gate string) string {
	if gate == "" {
		return ""
	}
	return ui.T(ctx, "audit_gate_"+gate)
}

// auditGrants says what the grants of a user are now.
func auditGrants(ctx context.Context, grants []string) string {
	if len(grants) == 0 {
		return ui.T(ctx, "audit_no_grants")
	}
	return strings.Join(grants, ", ")
}

// auditLimits says what a token may do less than its user, "" for nothing.
func auditLimits(ctx context.Context, f auditFacts) string {
	readOnly := ""
	if f.Limits.ReadOnly {
		readOnly = ui.T(ctx, "token_read_only_word")
	}
	return ui.Parts(readOnly, strings.Join(f.Limits.Clusters, ", "))
}

// auditTokens says how many tokens were revoked along with it, "" for none.
func auditTokens(ctx context.Context, n int) string {
	if n == 0 {
		return ""
	}
	return ui.N(ctx, "audit_tokens_ended", n)
}

// auditRefused says why sign-ins were refused and, when an entry stands for many,
// how many there were.
func auditRefused(ctx context.Context, f auditFacts) string {
	why := auditWhy(ctx, f.Why)
	if len(f.Reasons) > 0 {
		why = auditReasons(ctx, f.Reasons)
	}
	if f.Count == 0 {
		return why
	}
	return ui.N(ctx, "audit_times", f.Count) + " · " + why
}

// auditReasons lists reasons with their numbers.
func auditReasons(ctx context.Context, reasons map[string]int) string {
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		words = append(words, auditWhy(ctx, reason)+" "+ui.Number(reasons[reason]))
	}
	return strings.Join(words, " · ")
}

func auditWhy(ctx context.Context, why string) string {
	id := "audit_why_" + why
	if !ui.HasMessage(ctx, id) {
		return why
	}
	return ui.T(ctx, id)
}

// roleWord returns the name of a role, also of one that no longer exists.
func roleWord(ctx context.Context, role string) string {
	return cmp.Or(ui.RoleName(ctx, services.Role(role)), role)
}

// auditCounts returns the results of a batch's nodes.
func auditCounts(ctx context.Context, c batch.Counts) string {
	var parts []string
	for _, result := range []ui.Count{
		{ID: "audit_n_done", Count: c.Succeeded + c.Unchanged},
		{ID: "audit_n_failed", Count: c.Failed},
		{ID: "audit_n_left", Count: c.Skipped + c.Cancelled},
	} {
		if result.Count > 0 {
			parts = append(parts, ui.T(ctx, result.ID, "N", ui.Number(result.Count)))
		}
	}
	return strings.Join(parts, " · ")
}

// auditWait returns what a new batch waits for, "" if it has begun at once.
func auditWait(ctx context.Context, f auditFacts) string {
	if f.State == "" {
		return ""
	}
	at := ""
	if !f.StartsAt.IsZero() {
		at = ui.PointText(ctx, f.StartsAt)
	}
	return ui.Parts(ui.T(ctx, "state_"+f.State), at)
}

// auditDetail is a recorded state.
type auditDetail struct{ Name, Text string }

// auditDetails returns what an entry shows when it is unfolded: a template before
// and after, or the parameters of a batch. What a batch changed is on its page.
func auditDetails(ctx context.Context, e audit.Entry) []auditDetail {
	switch {
	case e.Action == store.ActionBatchCreate:
		return detailOf(ui.T(ctx, "audit_asked"), factsOf(e).Params) // the row says the rest
	case e.Action == store.ActionBatchSkip:
		return detailOf(ui.T(ctx, "audit_found"), factsOf(e).Found)
	case e.Action == store.ActionHookUpdate, strings.HasPrefix(string(e.Action), "template."):
		return append(detailOf(ui.T(ctx, "audit_before"), e.Before), detailOf(ui.T(ctx, "audit_after"), e.After)...)
	default:
		return nil
	}
}

// detailOf returns a state for people to read, nothing for an empty one.
func detailOf(name string, state json.RawMessage) []auditDetail {
	var text bytes.Buffer
	if len(state) <= len("{}") || json.Indent(&text, state, "", "  ") != nil {
		return nil
	}
	return []auditDetail{{name, text.String()}}
}

// auditFrom returns the id of the request, for the title of its address.
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
