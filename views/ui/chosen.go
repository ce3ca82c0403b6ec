package ui

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"
)

// FieldID makes an id of the name of a field.
func FieldID(name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails to write
	return "f" + strconv.FormatUint(h.Sum64(), 36)
}

// NamesShown is how many names a sentence lists before it counts the rest.
const NamesShown = 8

// SomeNames lists names and counts those that are too many to list.
func SomeNames(ctx context.Context, names []string) string {
	if len(names) <= NamesShown {
		return Joined(names)
	}
	return Joined(names[:NamesShown]) + " " + T(ctx, "plan_more", "N", Number(len(names)-NamesShown))
}

// NamesListed is how many names of one group its fold lists.
const NamesListed = 200

// FirstNames cuts a list of names.
func FirstNames(names []string, most int) (shown []string, rest int) {
	shown = names[:min(most, len(names))]
	return shown, len(names) - len(shown)
}

// manyNodes is from how many nodes on their names travel in one field: a page
// of thousands of fields is slow.
const manyNodes = 1000

// JoinNames joins names as a field of the form carries them.
func JoinNames(list []string) string { return strings.Join(list, " ") }
