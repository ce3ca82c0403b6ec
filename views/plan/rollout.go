package plan

import (
	"cmp"
	"slices"
	"strconv"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// rolloutOpen is true when something of the rollout differs from the operation's
// usual one, was typed, or was refused. A drain shows how many nodes go at once
// among its own options.
func rolloutOpen(v View) bool {
	usual := batch.Rollout{Parallel: operation.TraitsOf(v.Operation).Parallel}
	shown := v.Rollout
	if v.drains() {
		shown.Parallel = usual.Parallel
	}
	return len(v.Typed) == 0 && shown != usual || slices.ContainsFunc(batch.RolloutFields(), func(name string) bool {
		typed := v.Typed.Get(name)
		return typed != "" && typed != batch.OrderListed && !(v.drains() && name == "parallel") ||
			v.Problem.Field(name) != ""
	})
}

// rolloutField returns what stands in a field of the rollout: what was typed, or
// its value; nothing for none.
func rolloutField(v View, name string) string {
	o := v.Rollout
	values := map[string]string{
		"canary": numberField(o.Canary), "canary_wait": spanField(o.CanaryWait), "order": o.Order,
		"wave_size": numberField(o.WaveSize), "wave_pause": spanField(o.WavePause), "parallel": numberField(o.Parallel),
		"max_failures": failuresField(o),
	}
	return typed(v, name, values[name])
}

// spanField returns a time in seconds for its field; nothing stands for none.
func spanField(seconds int) string {
	if seconds <= 0 {
		return ""
	}
	return ui.SecondsField(seconds)
}

func failuresField(o batch.Rollout) string {
	share := ""
	if o.MaxFailedPercent > 0 {
		share = strconv.Itoa(o.MaxFailedPercent) + "%"
	}
	return cmp.Or(numberField(o.MaxFailures), share)
}
