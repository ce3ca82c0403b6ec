package plan

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// wrongFields gives the names of the fields that were refused.
func wrongFields(v View) []string {
	if v.Problem == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.Problem.Fields))
}

// refusedWords says in short why the plan was not carried out: a consent is
// missing, or something cannot be read.
func refusedWords(ctx context.Context, v View) string {
	if v.drains() && v.Drain == nil && len(v.Problem.Fields) > 0 {
		return v.Problem.Text
	}
	return ui.T(ctx, "plan_refused")
}

// describedBy gives the ids of what explains a field: its help, and what was
// wrong with it.
func describedBy(v View, name string) string {
	ids := "about-" + name
	if v.Problem.Field(name) != "" {
		ids += " wrong-" + name
	}
	return ids
}

// typed gives what stands in a field: what was typed when it was refused, else
// the option's value.
func typed(v View, name, value string) string {
	if v.Typed.Has(name) {
		return v.Typed.Get(name)
	}
	return value
}

// ticked is typed for a box.
func ticked(v View, name string, value bool) bool {
	if len(v.Typed) > 0 {
		return v.Typed.Get(name) != ""
	}
	return value
}

// numberField gives a count for its field; nothing stands for none.
func numberField(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// rareOpen is true when one of the options that are folded away was changed or
// refused.
func rareOpen(v View) bool {
	o, d := v.Options, drain.DefaultOptions()
	rare := []string{"grace_period", "skip_wait_seconds", "pod_selector"}
	return o.Grace != d.Grace || o.SkipWait != 0 || o.PodSelector != "" ||
		slices.ContainsFunc(wrongFields(v), func(name string) bool { return slices.Contains(rare, name) })
}

// choosesDrain reports whether a plan is of a drain whose options can be chosen,
// also for another try.
func choosesDrain(v View) bool { return v.drains() && !undoes(v) }

// consentCount says how many pods an option is about.
func consentCount(ctx context.Context, v View, name string) string {
	if v.Drain == nil {
		return ""
	}
	texts := map[string][]string{
		"ignore_daemonsets": {"drain_daemonset", "drain_skip_daemonset", "drain_skip_daemonset_unknown"},
		"delete_emptydir":   {"drain_emptydir"},
		"force":             {"drain_unmanaged", "drain_orphan"},
	}
	pods, nodes := podsWhere(v.Drain, texts[name]...)
	if pods == 0 {
		return ui.T(ctx, "opt_no_pods")
	}
	return ui.T(ctx, "opt_pods", "Pods", ui.N(ctx, "opt_pods_count", pods), "Nodes", ui.N(ctx, "nodes_count", nodes))
}

// fieldClass puts a short field beside its label.
func fieldClass(name string) string {
	if slices.Contains([]string{"reason", "pod_selector"}, name) {
		return "field"
	}
	return "field inline"
}

// optionID returns the message of an option; that of a drain may have words of its
// own.
func optionID(ctx context.Context, v View, name string) string {
	if v.drains() && ui.HasMessage(ctx, "drain_opt_"+name) {
		return "drain_opt_" + name
	}
	return "opt_" + name
}

// optionLabel names an option.
func optionLabel(ctx context.Context, v View, name string) string {
	return ui.T(ctx, optionID(ctx, v, name))
}

// optionAbout explains an option. Only a cordon's reason is shown in the table.
func optionAbout(ctx context.Context, v View, name string) string {
	if name == "reason" && v.Change != nil {
		return ui.T(ctx, "change_reason_about")
	}
	return ui.T(ctx, optionID(ctx, v, name+"_about"))
}
