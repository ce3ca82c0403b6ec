package ui

import (
	"fmt"
	"strconv"
)

// Quantity returns an amount of a resource: of "cpu", given in millicores, the
// cores; of "memory", given in bytes, a binary unit; anything else is a count.
func Quantity(unit string, n int64) string {
	switch {
	case n < 0:
		return Unknown
	case unit == "cpu":
		return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64)
	case unit == "memory":
		return bytesText(n)
	default:
		return Number(int(n))
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
