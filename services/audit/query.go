package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kube-node-manager/services"
)

// texts names the filters that cannot be looked for.
func (q Query) texts() []services.FieldError {
	var wrong []services.FieldError
	for _, f := range []struct{ name, value string }{
		{"actor", q.Actor}, {"object", q.Object}, {"cluster", q.Cluster}, {"q", q.Text},
	} {
		switch {
		case !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0):
			wrong = append(wrong, services.FieldError{Field: f.name, Text: "error_text"})
		case utf8.RuneCountInString(f.value) > maxText:
			wrong = append(wrong, services.FieldError{Field: f.name, Text: "error_audit_long", Args: services.Args("Max", maxText)})
		}
	}
	return wrong
}

// choice names a field whose value is none of the choices.
func choice[S ~string](field string, value S, choices []S) []services.FieldError {
	if value == "" || slices.Contains(choices, value) {
		return nil
	}
	return []services.FieldError{{Field: field, Text: "error_choice", Args: services.Args("Value", clip(string(value)), "Choices", join(choices))}}
}

func join[S ~string](words []S) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}

// span gives the first moment of a day, or of a moment, and the first one after
// it.
func span(field, text string) (begin, end time.Time, wrong []services.FieldError) {
	if text == "" {
		return begin, end, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, day.AddDate(0, 0, 1), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, at.Add(time.Millisecond), nil
	}
	return begin, end, []services.FieldError{{Field: field, Text: "error_audit_day", Args: services.Args("Value", clip(text))}}
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
