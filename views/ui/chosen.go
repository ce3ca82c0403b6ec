package ui

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"
)

// FieldID returns an element id for the field with a name, which may hold any
// character.
func FieldID(name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails to write
	return "f" + strconv.FormatUint(h.Sum64(), 36)
}

// NamesShown is how many names a sentence lists before it counts the rest.
const NamesShown = 8

// SomeNames lists the first names and counts the rest.
func SomeNames(ctx context.Context, names []string) string {
	if len(names) <= NamesShown {
		return Joined(names)
	}
	return Joined(names[:NamesShown]) + " " + T(ctx, "plan_more", "N", Number(len(names)-NamesShown))
}

// NamesListed is how many names of a group are listed when it is unfolded.
const NamesListed = 200

// FirstNames returns the first names of a list and how many are left.
func FirstNames(names []string, most int) (shown []string, rest int) {
	shown = names[:min(most, len(names))]
	return shown, len(names) - len(shown)
}

// manyNodes is the number of nodes above which their names are sent in one field:
// a page with thousands of fields is slow.
const manyNodes = 1000

// JoinNames returns the value of a form field that holds several names.
func JoinNames(list []string) string { return strings.Join(list, " ") }
