package ui

import (
	"context"
	"time"

	"kube-node-manager/services"
)

// dayType returns the input type of a date filter: "date", unless the address
// holds something else, such as a time.
func dayType(value string) string {
	if _, err := time.Parse(time.DateOnly, value); err == nil || value == "" {
		return "date"
	}
	return "text"
}

// SinceOptions are the time ranges that end now.
func SinceOptions(ctx context.Context) []Option {
	var out []Option
	for _, since := range services.Sinces() {
		out = append(out, Option{since, T(ctx, "since_"+since)})
	}
	return out
}

// Option is an option of a select.
type Option struct{ Value, Text string }

// Search is what a SearchBox shows.
type Search struct {
	Label       string
	Placeholder string // "" for the label
	Text        string // that is searched for
	Max         int    // most characters; 0 for no limit
}

// SearchExamples are examples of the terms that a search of nodes understands.
func SearchExamples() []string {
	return []string{
		"zone:a", "pool:gpu", "role:worker", "taint:gpu", "label:team=web", "by:grace", "reason:kernel",
		"cpu>80%", "memory>=90%", "pods>100", "age<7d", "version<1.36",
	}
}
