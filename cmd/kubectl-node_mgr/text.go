package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// A text is what the server says, without characters that would control a terminal.
type text string

// UnmarshalText reads a string, also one that is the name of a field.
func (t *text) UnmarshalText(raw []byte) error {
	*t = text(clean(string(raw)))
	return nil
}

// clean replaces what a terminal would not print.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s)
}

// count returns "1 node", "2 nodes".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// listed returns the first texts, and how many more there are.
func listed(all []string, most int) string {
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}

// lasting returns a duration in whole seconds, as "1m30s".
func lasting(d time.Duration) string { return d.Round(time.Second).String() }

// clock returns a time in the zone of the reader.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
