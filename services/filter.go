package services

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxFilter is the most characters that a filter of a list may have.
const MaxFilter = 200

// Filter is one field of a list's query, as it was typed.
type Filter struct{ Field, Value string }

// CheckFilters returns an error for each filter that cannot match anything: text
// that is not valid UTF-8, contains a NUL or is too long.
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

// CheckChoice returns an error unless value is empty or one of the choices.
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

// MaxWords is the most words that one search may have.
const MaxWords = 8

// SearchWords splits a search into its words, all of which must be found. It does
// not check the length of the text; see CheckFilters.
func SearchWords(field, text string) (words []string, wrong FieldErrors) {
	words = strings.Fields(text)
	if len(words) > MaxWords {
		wrong.Add(field, "error_words", "Max", MaxWords)
		return nil, wrong
	}
	return words, nil
}

// Span is a period of time, as it was typed. An empty field is no limit.
type Span struct {
	Since    string         // one of Sinces
	From, To string         // a day (2006-01-02), which is included, or a time in RFC 3339
	Zone     *time.Location // the time zone of the days; nil means UTC
}

// Sinces returns the values of Span.Since: today, the last 7 and the last 30 days,
// each including today.
func Sinces() []string { return []string{"today", "7d", "30d"} }

// Limits returns the first moment of a span and the first moment after it, or the
// zero time where there is no limit. It returns an error for each wrong field.
func (s Span) Limits(now time.Time) (from, to time.Time, wrong FieldErrors) {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	from, _, wrongFrom := s.parse("from", s.From)
	_, to, wrongTo := s.parse("to", s.To)
	if begin := s.since(now); begin.After(from) {
		from = begin
	}
	return from, to, slices.Concat(CheckChoice("since", s.Since, Sinces()), wrongFrom, wrongTo)
}

// since returns the beginning of the first day of s.Since, or the zero time.
func (s Span) since(now time.Time) time.Time {
	days := map[string]int{"today": 1, "7d": 7, "30d": 30}[s.Since]
	if days == 0 {
		return time.Time{}
	}
	year, month, day := now.In(s.Zone).Date()
	return time.Date(year, month, day-days+1, 0, 0, 0, 0, s.Zone)
}

// parse returns the first moment of a day or time and the first moment after it.
func (s Span) parse(field, text string) (begin, end time.Time, wrong FieldErrors) {
	if text == "" {
		return begin, end, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, s.Zone); err == nil {
		return day, day.AddDate(0, 0, 1), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, at.Add(time.Millisecond), nil // the precision of the database
	}
	wrong.Add(field, "error_day", "Value", Clip(text))
	return begin, end, wrong
}
