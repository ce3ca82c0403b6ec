package ui

import (
	"context"
	"time"

	"kube-node-manager/services"
)

// dayType is a date's field, unless somebody has put a moment into the address.
func dayType(value string) string {
	if _, err := time.Parse(time.DateOnly, value); err == nil || value == "" {
		return "date"
	}
	return "text"
}

// SinceOptions are the spans of time that end now.
func SinceOptions(ctx context.Context) []Option {
	var out []Option
	for _, since := range services.Sinces() {
		out = append(out, Option{since, T(ctx, "since_"+since)})
	}
	return out
}

// Option is one choice of a select.
type Option struct{ Value, Text string }
