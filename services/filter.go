package services

import (
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
func CheckFilters(filters ...Filter) FieldErrors {
	var wrong FieldErrors
	for _, f := range filters {
		switch {
		case !utf8.ValidString(f.Value) || strings.ContainsRune(f.Value, 0):
			wrong.Add(f.Field, "error_text")
		case utf8.RuneCountInString(f.Value) > MaxFilter:
			wrong.Add(f.Field, "error_long", "Max", MaxFilter)
		}
	}
	return wrong
}

// CheckChoice names a field whose value is none of the choices; an empty one
// chooses nothing.
func CheckChoice[S ~string](field string, value S, choices []S) (wrong FieldErrors) {
	if value == "" || slices.Contains(choices, value) {
		return nil
	}
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	wrong.Add(field, "error_choice", "Value", Clip(string(value)), "Choices", strings.Join(words, ", "))
	return wrong
}

// MaxWords is how many words one search looks for.
const MaxWords = 8

// SearchWords returns the words of a search, each of which must be found. The
// length of the text is CheckFilters' business.
func SearchWords(field, text string) (words []string, wrong FieldErrors) {
	words = strings.Fields(text)
	if len(words) > MaxWords {
		wrong.Add(field, "error_words", "Max", MaxWords)
		return nil, wrong
	}
	return words, nil
}

// Span is a stretch of time as people ask for it. What is empty limits nothing.
type Span struct {
	Since    string         // one of Sinces
	From, To string         // days (2006-01-02; To counts too) or moments of RFC 3339
	Zone     *time.Location // of the days; nil is UTC
}

// Sinces are the spans that end now: today, and the last days with it.
func Sinces() []string { return []string{"today", "7d", "30d"} }

// Limits returns the first moment of a span and the first one after it; zero
// times where it has no limit. It names the fields that are wrong.
func (s Span) Limits(now time.Time) (from, to time.Time, wrong FieldErrors) {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	from, _, badFrom := s.parse("from", s.From)
	_, to, badTo := s.parse("to", s.To)
	if begin := s.since(now); begin.After(from) {
		from = begin
	}
	return from, to, slices.Concat(CheckChoice("since", s.Since, Sinces()), badFrom, badTo)
}

// since returns the beginning of the day on which a span begins that ends now.
func (s Span) since(now time.Time) time.Time {
	days := map[string]int{"today": 1, "7d": 7, "30d": 30}[s.Since]
	if days == 0 {
		return time.Time{}
	}
	year, month, day := now.In(s.Zone).Date()
	return time.Date(year, month, day-days+1, 0, 0, 0, 0, s.Zone)
}

func (s Span) parse(field, text string) (begin, end time.Time, wrong FieldErrors) {
	if text == "" {
		return begin, end, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, s.Zone); err == nil {
		return day, day.AddDate(0, 0, 1), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, at.Add(time.Millisecond), nil
	}
	wrong.Add(field, "error_day", "Value", Clip(text))
	return begin, end, wrong
}
