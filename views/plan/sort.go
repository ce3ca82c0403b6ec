package plan

import (
	"cmp"
	"maps"
	"slices"
)

// largestFirst returns the keys of a map, those of the largest values first and equal
// ones in alphabetical order.
func largestFirst[V any](values map[string]V, size func(V) int) []string {
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(size(values[b]), size(values[a])), cmp.Compare(a, b))
	})
}

// itself is the size of a count, for largestFirst.
func itself(n int) int { return n }

// length is the size of a list of names, for largestFirst.
func length(names []string) int { return len(names) }
