package nodes

import (
	"fmt"
	"math"
	"strconv"

	"kube-node-manager/views/ui"
)

// quantity returns an amount of a resource: of "cpu", given in millicores, the
// cores; of "memory", given in bytes, a binary unit; anything else is a count.
func quantity(unit string, n int64) string {
	switch {
	case n < 0:
		return ui.Unknown
	case unit == "cpu":
		return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64)
	case unit == "memory":
		return bytesText(n)
	default:
		return ui.Number(int(n))
	}
}

func bytesText(n int64) string {
	const step = 1024
	value, unit := float64(n), 0
	for value >= step && unit < 4 {
		value /= step
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	digits := 1
	if value >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + []string{"", "Ki", "Mi", "Gi", "Ti"}[unit] + "B"
}

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
