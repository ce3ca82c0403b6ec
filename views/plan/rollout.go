package plan

import (
	"cmp"
	"slices"
	"strconv"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// rolloutOpen reports whether a field of the rollout differs from the default of the
// operation, or has an error. A drain shows the number of parallel nodes among its
// own options.
func rolloutOpen(v View) bool {
	usual := batch.Rollout{Parallel: operation.TraitsOf(v.Operation).Parallel}
	shown := v.Rollout
	if v.drains() {
		shown.Parallel = usual.Parallel
	}
	if len(v.Typed) == 0 && shown != usual {
		return true
	}
	return slices.ContainsFunc(batch.RolloutFields(), func(name string) bool {
		return rolloutTyped(v, name) || v.Problem.Field(name) != ""
	})
}

// rolloutTyped reports whether the user has typed something into a field that is
// folded away.
func rolloutTyped(v View, name string) bool {
	if v.drains() && name == "parallel" {
		return false
	}
	typed := v.Typed.Get(name)
	return typed != "" && typed != batch.OrderListed
}

// rolloutField returns the content of a field of the rollout.
func rolloutField(v View, name string) string {
	o := v.Rollout
	values := map[string]string{
		"canary": numberField(o.Canary), "canary_wait": spanField(o.CanaryWait), "order": o.Order,
		"wave_size": numberField(o.WaveSize), "wave_pause": spanField(o.WavePause), "parallel": numberField(o.Parallel),
		"max_failures": failuresField(o),
	}
	return typed(v, name, values[name])
}

// spanField returns the content of a field for a number of seconds, "" for none.
func spanField(seconds int) string {
	if seconds <= 0 {
		return ""
	}
	return ui.SecondsField(seconds)
}

// failuresField returns the content of the field for a number or share of failures.
func failuresField(o batch.Rollout) string {
	share := ""
	if o.MaxFailedPercent > 0 {
		share = strconv.Itoa(o.MaxFailedPercent) + "%"
	}
	return cmp.Or(numberField(o.MaxFailures), share)
}
