package plan

import (
	"net/url"

	"kube-node-manager/services/batch"
)

// rolloutFields are the names of the fields of a rollout. A drain has an order,
// a number of nodes at once and a number of failures among its own options.
func rolloutFields(v View) []string {
	if v.Operation == "drain" {
		return []string{"canary", "canary_wait"}
	}
	return []string{"canary", "canary_wait", "order", "wave_pause", "parallel", "max_failures"}
}

// rolloutOpen is true when something of the rollout was typed or refused.
func rolloutOpen(v View) bool {
	for _, name := range rolloutFields(v) {
		if typedRollout(v.Rollout, name) != "" || v.Problem.Field(name) != "" {
			return true
		}
	}
	return false
}

// typedRollout gives what stands in a field of the rollout; the order that
// everything has by itself is nothing.
func typedRollout(form url.Values, name string) string {
	if value := form.Get(name); name != "order" || value != batch.OrderListed {
		return value
	}
	return ""
}

// maxFailuresField is the field of a drain; a share of its nodes is the
// rollout's, so the drain's own options do not hold it.
func maxFailuresField(v View) string {
	if v.Options.MaxFailures > 0 {
		return numberField(v.Options.MaxFailures)
	}
	return v.Rollout.Get("max_failures")
}
