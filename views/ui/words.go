package ui

import (
	"context"
	"slices"
	"strings"
)

// Unknown is shown for a value that is not known, never a zero.
const Unknown = "–"

// ValueWord returns the value of a label or taint, and a word for an empty one.
func ValueWord(ctx context.Context, value string) string {
	if value == "" {
		return T(ctx, "value_empty")
	}
	return value
}

// Joined returns words as a list.
func Joined(words []string) string { return strings.Join(words, ", ") }

// Parts puts those of the parts of a line together that are not empty.
func Parts(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// OrDash returns s, or a dash when it is empty.
func OrDash(s string) string {
	if s == "" {
		return Unknown
	}
	return s
}

// Unprefixed returns a pair without the domain of its key: "pool=a" for
// "node.kubernetes.io/pool=a". A slash in the value does not count.
func Unprefixed(pair string) string {
	end := strings.IndexAny(pair, "=:")
	if end < 0 {
		end = len(pair)
	}
	slash := strings.LastIndexByte(pair[:end], '/')
	return pair[slash+1:]
}

// Sentences joins sentences; Chinese has no space between them.
func Sentences(texts ...string) string {
	var out strings.Builder
	for _, text := range texts {
		before := out.String()
		if before != "" && text != "" && !strings.HasSuffix(before, "。") {
			out.WriteByte(' ')
		}
		out.WriteString(text)
	}
	return out.String()
}
