package views

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"kube-node-manager/services/operation/drain"
)

// wrongFields gives the names of the fields that were refused.
func wrongFields(v PlanView) []string {
	if v.Problem == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.Problem.Fields))
}

// refusedWords says in short why the plan was not carried out: a consent is
// missing, or something cannot be read.
func refusedWords(ctx context.Context, v PlanView) string {
	if v.Operation == "drain" && v.Drain == nil && len(v.Problem.Fields) > 0 {
		return v.Problem.Text
	}
	return T(ctx, "plan_refused")
}

// describedBy gives the ids of what explains a field: its help, and what was
// wrong with it.
func describedBy(v PlanView, name string) string {
	ids := "about-" + name
	if v.Problem.Field(name) != "" {
		ids += " wrong-" + name
	}
	return ids
}

// typed gives what stands in a field: what was typed when it was refused, else
// the option's value.
func typed(v PlanView, name, value string) string {
	if v.Typed.Has(name) {
		return v.Typed.Get(name)
	}
	return value
}

// ticked is typed for a box.
func ticked(v PlanView, name string, value bool) bool {
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

// secondsField gives a time for its field in its largest whole unit.
func secondsField(seconds int) string {
	switch {
	case seconds < 0:
		return ""
	case seconds >= 3600 && seconds%3600 == 0:
		return strconv.Itoa(seconds/3600) + "h"
	case seconds >= 60 && seconds%60 == 0:
		return strconv.Itoa(seconds/60) + "m"
	default:
		return strconv.Itoa(seconds) + "s"
	}
}

// rareOpen is true when one of the options that are folded away was changed or
// refused.
func rareOpen(v PlanView) bool {
	o, d := v.Options, drain.DefaultOptions()
	rare := []string{"grace_period", "skip_wait_seconds", "pod_selector", "max_failures", "order"}
	return o.Grace != d.Grace || o.SkipWait != 0 || o.PodSelector != "" || o.MaxFailures != 0 || o.ByZone ||
		slices.ContainsFunc(wrongFields(v), func(name string) bool { return slices.Contains(rare, name) })
}

// ownDrain reports whether a plan is of a drain whose options can be chosen: one
// that is tried again has those of the first.
func ownDrain(v PlanView) bool { return v.Operation == "drain" && v.Origin == nil }

// consentCount says how many pods an option is about.
func consentCount(ctx context.Context, v PlanView, name string) string {
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
		return T(ctx, "opt_no_pods")
	}
	return T(ctx, "opt_pods", "Pods", N(ctx, "opt_pods_count", pods), "Nodes", N(ctx, "nodes_count", nodes))
}

// fieldClass puts a short field beside its label.
func fieldClass(name string) string {
	if slices.Contains([]string{"reason", "pod_selector"}, name) {
		return "field"
	}
	return "field inline"
}

// optionLabel names an option.
func optionLabel(ctx context.Context, v PlanView, name string) string {
	if id := "rollout_" + name; v.Operation != "drain" && has(ctx, id) {
		return T(ctx, id)
	}
	return T(ctx, "opt_"+name)
}

// optionAbout explains an option. Only a cordon's reason is shown in the table.
func optionAbout(ctx context.Context, v PlanView, name string) string {
	if name == "reason" && v.Change != nil {
		return T(ctx, "change_reason_about")
	}
	if id := "rollout_" + name + "_about"; v.Operation != "drain" && has(ctx, id) {
		return T(ctx, id)
	}
	return T(ctx, "opt_"+name+"_about")
}
