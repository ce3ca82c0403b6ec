package plan

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// wrongFields returns the names of the fields with errors.
func wrongFields(v View) []string {
	if v.Problem == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.Problem.Fields))
}

// refusedWords says why the batch was not started: a consent is missing, or a field
// is invalid.
func refusedWords(ctx context.Context, v View) string {
	if v.drains() && v.Drain == nil && len(v.Problem.Fields) > 0 {
		return v.Problem.Text
	}
	return ui.T(ctx, "plan_refused")
}

// describedBy returns the ids of the elements that describe a field: its help, and
// its error.
func describedBy(v View, name string) string {
	ids := "about-" + name
	if v.Problem.Field(name) != "" {
		ids += " wrong-" + name
	}
	return ids
}

// typed returns the content of a field: what the user typed if the form had errors,
// else the value of the option.
func typed(v View, name, value string) string {
	if v.Typed.Has(name) {
		return v.Typed.Get(name)
	}
	return value
}

// ticked is typed for a checkbox.
func ticked(v View, name string, value bool) bool {
	if len(v.Typed) > 0 {
		return v.Typed.Get(name) != ""
	}
	return value
}

// numberField returns the content of a field for a count, "" for none.
func numberField(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// rareOpen reports whether one of the folded options was changed or has an error.
func rareOpen(v View) bool {
	o, d := v.Options, drain.DefaultOptions()
	rare := []string{"grace_period", "skip_wait_seconds", "pod_selector"}
	return o.Grace != d.Grace || o.SkipWait != 0 || o.PodSelector != "" ||
		slices.ContainsFunc(wrongFields(v), func(name string) bool { return slices.Contains(rare, name) })
}

// choosesDrain reports whether the plan is of a drain whose options can be chosen,
// which includes a retry.
func choosesDrain(v View) bool { return v.drains() && !undoes(v) }

// consentCount says how many pods an option affects.
func consentCount(ctx context.Context, v View, name string) string {
	if v.Drain == nil {
		return ""
	}
	texts := map[string][]string{
		"ignore_daemonsets": {"drain_daemonset", "drain_skip_daemonset", "drain_skip_daemonset_unknown"},
		"delete_emptydir":   {"drain_emptydir"},
		"force":             {"drain_unmanaged", "drain_orphan"},
		"disrupt":           {"drain_annotated", "drain_ask_rule"},
	}
	pods, nodes := podsWhere(v.Drain, texts[name]...)
	if pods == 0 {
		return ui.T(ctx, "opt_no_pods")
	}
	onNodes := ui.N(ctx, "nodes_count", nodes)
	return ui.T(ctx, "opt_pods", "Pods", ui.N(ctx, "opt_pods_count", pods), "Nodes", onNodes)
}

// fieldClass returns the class of a field; a short one is beside its label.
func fieldClass(name string) string {
	if slices.Contains([]string{"reason", "pod_selector"}, name) {
		return "field"
	}
	return "field inline"
}

// optionID returns the message of an option; a drain may have a message of its own.
func optionID(ctx context.Context, v View, name string) string {
	if v.drains() && ui.HasMessage(ctx, "drain_opt_"+name) {
		return "drain_opt_" + name
	}
	return "opt_" + name
}

// optionLabel returns the label of an option.
func optionLabel(ctx context.Context, v View, name string) string {
	return ui.T(ctx, optionID(ctx, v, name))
}

// optionAbout returns the help of an option. Only the reason of a cordon is shown in
// the node table.
func optionAbout(ctx context.Context, v View, name string) string {
	if name == "reason" && v.Change != nil {
		return ui.T(ctx, "change_reason_about")
	}
	return ui.T(ctx, optionID(ctx, v, name+"_about"))
}

// replans reports whether the plan depends on a text field, so that it is made again when the
// field changes.
func replans(name string) bool {
	switch name {
	case "pod_selector", "skip_wait_seconds", "canary", "wave_size":
		return true
	default:
		return false
	}
}
