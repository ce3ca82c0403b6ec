package nodes

import (
	"math"

	"kube-node-manager/views/ui"
)

// quantity returns an amount of a resource; see ui.Quantity.
func quantity(unit string, n int64) string { return ui.Quantity(unit, n) }

func bytesText(n int64) string { return ui.Quantity("memory", n) }

// percent returns part as a percentage of whole, and false when one of them is not
// known.
func percent(part, whole int64) (int, bool) {
	if whole <= 0 || part < 0 {
		return 0, false
	}
	return int(math.Round(float64(part) / float64(whole) * 100)), true
}

// useKind returns the colour of a bar, by how little room the node has left.
func useKind(percent int) string {
	switch {
	case percent > 90:
		return "bad"
	case percent > 75:
		return "warn"
	default:
		return "accent"
	}
}
