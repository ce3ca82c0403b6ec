package ui

import (
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/services/template"
)

// families are the ids that are put together from a value.
func families() map[string][]string {
	states := []store.State{
		store.StateRunning, store.StateSucceeded, store.StatePartial, store.StateFailed, store.StateCancelled,
		store.StateInterrupted,
	}
	items := []store.ItemState{
		store.ItemPending, store.ItemRunning, store.ItemWaiting, store.ItemSucceeded, store.ItemUnchanged, store.ItemFailed,
		store.ItemSkipped, store.ItemCancelled,
	}
	codes := []services.Code{
		services.CodeInvalid, services.CodeUnauthenticated, services.CodeForbidden, services.CodeNotFound,
		services.CodeConflict, services.CodeThrottled, services.CodeUnavailable, services.CodeTimeout, services.CodeInternal,
	}
	edited := append(template.Kinds(), "annotations")
	return map[string][]string{
		"state_": words(states...), "item_": words(items...), "code_": words(codes...), "role_": words(services.Roles()...),
		"verdict_": {"partial", "failed", "cancelled"}, "ended_": endings(), "already_": endings(),
		"theme_": {"auto", "light", "dark"},
		"strip_": {"ok", "warn", "hold", "bad"}, "pager_": {"prev", "next"}, "age_": {"s", "m", "h", "d"},
		"ago_":   {"s", "m", "h", "d"},
		"do_":    {"cordon", "uncordon", "cordon_node", "uncordon_node", "cancel", "pause", "resume"},
		"since_": services.Sinces(), "about_": {"cordon", "uncordon"},
		"op_":    {"cordon", "uncordon", "drain", "label", "taint", "annotate", "copy_taints", "undo"},
		"count_": {"succeeded", "unchanged", "failed", "skipped", "cancelled", "running", "waiting", "left"},

		"operation_":    {"cordon", "uncordon", "drain", "label", "taint", "annotate", "copy_taints"},
		"plan_heading_": {"cordon", "uncordon", "drain", "label", "taint", "annotate", "copy_taints", "undo"},
		"plan_do_":      {"cordon", "uncordon", "drain", "label", "taint", "annotate", "copy_taints", "undo"},
		"plan_title_":   {operation.Undo}, "opt_order_": {batch.OrderListed, batch.OrderZone, batch.OrderPool},
		"drain_opt_":    {"parallel", "parallel_about", "max_failures_about"},
		"rollout_says_": {batch.OrderZone, batch.OrderPool},
		"plan_":         {"title"}, // of the handlers
		"pod_": words(
			drain.Never, drain.Acknowledge, drain.Blocked, drain.Unknown, drain.Wait, drain.Evict, drain.Skip,
			"wait_completed", drain.Restart,
		),
		"plan_pods_":  {"evict", "skip", "wait", "acknowledge", "blocked", "never", "unknown", "wait_completed", "restart"},
		"fit_":        {"cpu", "memory", "pods", "gpus", "exact", "at_most", "at_least", "unknown"},
		"fit_unsure_": {"volumes", "pods", "ports", "devices", "scheduler"},
		"budget_":     {"ok", "run", "warn", "bad"},
		"unread_": {
			"poddisruptionbudgets", "daemonsets", "machinedrainrules", "namespaces", "deployments", "nodemaintenances",
			"leases",
		},
		"limit_": {"cluster", "pool", "control_plane"}, "full_": {"cluster", "pool", "control_plane"},
		"rules_": {"reason", "limits", "windows", "workloads"},
		"phase_": {
			drain.PhaseCordoning, drain.PhaseQueued, drain.PhaseEvicting, drain.PhaseTerminating, drain.PhaseBlocked,
			drain.PhaseVerifying, drain.PhaseRestoring, drain.PhaseCompleting, drain.PhaseHeld, drain.PhaseRestarting,
		},
		"draining_": {
			"item_cancelled", "count_cancelled", "verdict_cancelled", "evicted", "terminating", "blocked", "completing", "left",
			"restarting",
		},
		"plan_ask_": {"ignore_daemonsets", "delete_emptydir", "force", "disrupt"},
		"opt_":      options(),

		"form_": {"labels", "taints", "annotations", "copy", "template"}, "tab_": {"overview", "nodes", "labels", "taints"},
		"diff_":       {diffAdd, DiffSet, DiffChange, DiffRemove, DiffSame, DiffCordon},
		"edit_title_": edited, "edit_keep_values_about_": edited, "edit_rows_": edited, "edit_rows_none_": edited,
		"edit_new_": edited, "edit_locked_": edited, "edit_locked_about_": {"annotations"},
		"edit_paste_example_": edited, "edit_paste_about_": edited, "edit_mode_": {"add", "replace"},
		"edit_mode_add_about_": edited, "edit_mode_replace_about_": edited,
		"effect_replace_none_": edited, "effect_replace_": edited, "effect_add_": edited,
		"tally_":     {"changed", "unchanged", "blocked", "protected"},
		"copy_mode_": {"replace", "merge", "replace_about", "merge_about"}, "overview_": template.Kinds(),
		"overview_title_": template.Kinds(), "overview_count_": template.Kinds(),
		"overview_none_": template.Kinds(), "overview_none_hint_": template.Kinds(), "overview_key_": template.Kinds(),

		"audit_": auditWords(), "audit_gate_": {"canary", "pause", "health"},
		"audit_result_": words(store.Results()...),
		"audit_why_": words(
			store.RefusedUnknown, store.RefusedPassword, store.RefusedDisabled, store.RefusedWait, store.RefusedNoAccess,
			store.RefusedProvider,
		),

		"fleet_": {"pools", "zones"}, "fleet_requested_": {"cpu", "memory", "pods"}, "fleet_free_": {"cpu", "memory", "pods"},
		"actor_": actorWords(), "actor_name_": actorKinds(),
		"lifecycle_": lifecycleTypes(), "rules_tell_": {"auto", "on", "off"},
		"condition_": conditionWords(), "condition_other_": {"ok", "bad", "warn"},
		"node_tab_": {
			"overview", "conditions", "pods", "events", "labels", "images", "heartbeat", "yaml", "history",
		},

		"colour_": cluster.Colours(), "credentials_": {"token", "certificate"}, "access_": needWords(),

		"template_example_": exampleWords(), "templates_title_": template.Kinds(), "templates_tab_": template.Kinds(),
		"templates_none_":     template.Kinds(),
		"template_new_title_": template.Kinds(), "template_import_title_": template.Kinds(),
		"template_entries_": template.Kinds(), "template_rows_help_": template.Kinds(),
		"template_mode_":    {"add", "replace", "add_labels", "add_taints", "replace_labels", "replace_taints"},
		"template_outcome_": words(template.Created, template.Replaced, template.Refused),
	}
}

// endings are the operations that have words for their success, and the others.
func endings() []string {
	out := []string{"other"}
	for _, d := range operation.All() {
		out = append(out, strings.ReplaceAll(d.Name, "-", "_"))
	}
	return out
}

// conditionWords are the messages of the conditions that Kubernetes itself reports.
func conditionWords() []string {
	out := []string{"Ready_ok", "Ready_bad", "Ready_warn"}
	for _, name := range []string{"MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"} {
		out = append(out, name+"_ok", name+"_bad")
	}
	for _, name := range lifecycleTypes() {
		out = append(out, name+"_on", name+"_off")
	}
	return out
}

// actorKinds are the kinds of actors besides this program.
func actorKinds() (out []string) {
	for _, kind := range node.ActorKinds() {
		out = append(out, OperationID(kind))
	}
	return out
}

// actorWords are the messages that say what they do.
func actorWords() []string { return append(actorKinds(), "foreign_cordon_unknown", "lease_unknown") }

// lifecycleTypes are the types of the conditions that say where a node is in its life.
func lifecycleTypes() []string {
	return []string{
		"MaintenancePlanned", "DrainInProgress", "Drained", "MaintenanceInProgress", "GracefulNodeShutdownInProgress",
	}
}

// needWords are the messages of what the program needs in a cluster.
func needWords() []string {
	var out []string
	for _, need := range cluster.Needs() {
		out = append(out, need.ID)
	}
	return out
}

// exampleWords are the messages of the examples of both kinds of templates.
func exampleWords() []string {
	var out []string
	for _, id := range []string{"environment", "ownership", "dedicated", "maintenance"} {
		out = append(out, id, "about_"+id)
	}
	return out
}

// auditWords are the messages of the actions of the audit log.
func auditWords() []string {
	out := words(store.Actions()...)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], ".", "_")
	}
	return out
}

// options are the messages of the fields of a drain's form: the name of each,
// and what it does.
func options() []string {
	var out []string
	for _, name := range []string{
		"ignore_daemonsets", "delete_emptydir", "force", "disrupt", "restart_first", "restore", "parallel",
		"timeout", "max_failures", "grace_period",
		"skip_wait_seconds", "pod_selector", "reason", "confirm", "order",
		"canary", "canary_wait", "wave_size", "wave_pause",
	} {
		out = append(out, name, name+"_about")
	}
	return out
}

func words[S ~string](values ...S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
