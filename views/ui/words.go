package ui

import (
	"context"
	"strings"
)

// Unknown stands where a value is not known: never a zero.
const Unknown = "–"

// ValueWord gives a value as a person reads it: an empty one has no letters.
func ValueWord(ctx context.Context, value string) string {
	if value == "" {
		return T(ctx, "value_empty")
	}
	return value
}

func Joined(words []string) string { return strings.Join(words, ", ") }

func OrDash(s string) string {
	if s == "" {
		return Unknown
	}
	return s
}

// Unprefixed drops the domain of a key: "node.kubernetes.io/pool=a" reads as
// "pool=a". A slash in the value is none of the key's.
func Unprefixed(pair string) string {
	end := strings.IndexAny(pair, "=:")
	if end < 0 {
		end = len(pair)
	}
	if slash := strings.LastIndexByte(pair[:end], '/'); slash >= 0 {
		return pair[slash+1:]
	}
	return pair
}
