package services

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxFilter is how many characters of a filter anybody needs.
const MaxFilter = 200

// Filter is one field of a list's query, as a person typed it.
type Filter struct{ Field, Value string }

// CheckFilters names the filters whose text cannot be looked for.
func CheckFilters(filters ...Filter) []FieldError {
	var wrong []FieldError
	for _, f := range filters {
		switch {
		case !utf8.ValidString(f.Value) || strings.ContainsRune(f.Value, 0):
			wrong = append(wrong, FieldError{Field: f.Field, Text: "error_text"})
		case utf8.RuneCountInString(f.Value) > MaxFilter:
			wrong = append(wrong, FieldError{Field: f.Field, Text: "error_long", Args: Args("Max", MaxFilter)})
		}
	}
	return wrong
}

// CheckChoice names a field whose value is none of the choices; an empty one
// chooses nothing.
func CheckChoice[S ~string](field string, value S, choices []S) []FieldError {
	if value == "" || slices.Contains(choices, value) {
		return nil
	}
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	return []FieldError{{Field: field, Text: "error_choice", Args: Args("Value", clip(string(value)), "Choices", strings.Join(words, ", "))}}
}

// ParseSpan gives the first moment of a day (2006-01-02, UTC) or of a moment of
// RFC 3339, and the first one after it; zero times for an empty text.
func ParseSpan(field, text string) (begin, end time.Time, wrong []FieldError) {
	if text == "" {
		return begin, end, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, day.AddDate(0, 0, 1), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, at.Add(time.Millisecond), nil
	}
	return begin, end, []FieldError{{Field: field, Text: "error_day", Args: Args("Value", clip(text))}}
}

// clip makes what is quoted in an error short and printable.
func clip(s string) string {
	const most = 40
	s = strings.ToValidUTF8(s, "�")
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strings.Trim(fmt.Sprintf("%q", s), `"`)
}
