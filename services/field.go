package services

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldError says what is wrong with one field of a form.
type FieldError struct {
	Field string         // the name of the field in the form
	Text  string         // message id, which views translates
	Args  map[string]any // values of the message's placeholders
}

// FieldErrors collects the wrong fields of a form, so that one error names them
// all. The zero value is ready to use.
type FieldErrors []FieldError

// Add appends a field with a message id and, as key-value pairs, the values of the
// message's placeholders.
func (w *FieldErrors) Add(field, text string, args ...any) {
	*w = append(*w, FieldError{Field: field, Text: text, Args: Args(args...)})
}

// Append adds the fields that err names. It adds nothing for nil and for an error
// that names no field; a caller that may get such an error must check it first.
func (w *FieldErrors) Append(err error) {
	if err != nil {
		*w = append(*w, AsError(err).Fields...)
	}
}

// Has reports whether field has been added.
func (w FieldErrors) Has(field string) bool {
	return slices.ContainsFunc(w, func(e FieldError) bool { return e.Field == field })
}

// Err returns a CodeInvalid error that names every field, or nil if there is none.
func (w FieldErrors) Err() error {
	if len(w) == 0 {
		return nil
	}
	return InvalidFields(w...)
}

// maxClip is the length in characters of what an error quotes.
const maxClip = 80

// Clip returns the beginning of s, to be quoted in an error: at most 80 characters,
// with an ellipsis where it was cut. Characters that cannot be seen, such as line
// ends and text direction marks, become U+FFFD.
func Clip(s string) string {
	s = strings.Map(visible, s)
	if utf8.RuneCountInString(s) <= maxClip {
		return s
	}
	return string([]rune(s)[:maxClip]) + "…"
}

func visible(r rune) rune {
	if unicode.IsGraphic(r) {
		return r
	}
	return utf8.RuneError
}
