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

// SearchRule is one rule of the search of nodes.
type SearchRule struct {
	Examples []string
	Text     string // message ID
}

// SearchHelp are the rules of the search of nodes. docs/api.md has more about each.
func SearchHelp() []SearchRule {
	return []SearchRule{
		{[]string{"web", `"new kernel"`}, "search_help_words"},
		{[]string{"!web", "-zone:r1-a"}, "search_help_not"},
		{[]string{"ready", "limited", "cordoned", "converging", "nocontact"}, "search_help_states"},
		{[]string{"zone:r1", "taint:gpu", "by:li"}, "search_help_part"},
		{[]string{"pool=gpu", "pool!=gpu", "zone="}, "search_help_exact"},
		{[]string{"cpu>80%", "pods>=100", "age<7d", "version<1.36"}, "search_help_compare"},
		{[]string{"env in (prod,stage)", "tier!=web", "team,!spot"}, "search_help_selector"},
		{[]string{"node-1, node-2"}, "search_help_list"},
	}
}
