// Package form reads named fields, as a browser's form or a script's JSON object
// sends them, into typed values, and collects what is wrong with them. It is the
// only package below services that knows that fields are text.
package form

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
)

// Fields are named fields with their values, as they were sent.
type Fields map[string][]string

// Text returns the first value of a field, "" for none.
func (f Fields) Text(name string) string {
	values := f[name]
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// With returns the fields with one of them set to a value.
func (f Fields) With(name, value string) Fields {
	out := make(Fields, len(f)+1)
	maps.Copy(out, f)
	out[name] = []string{value}
	return out
}

// Prefixed returns the first values of all fields whose names begin so, without
// that prefix.
func (f Fields) Prefixed(prefix string) map[string]string {
	found := map[string]string{}
	for name := range f {
		rest, ok := strings.CutPrefix(name, prefix)
		if ok {
			found[rest] = f.Text(name)
		}
	}
	return found
}

// Reader reads typed values. What is wrong is collected, and the value read is
// then the one for an empty field.
type Reader struct {
	Fields
	wrong services.FieldErrors
}

// Read returns a reader of these fields.
func Read(f Fields) *Reader { return &Reader{Fields: f} }

// Err returns everything that was wrong as one CodeInvalid error, or nil.
func (r *Reader) Err() error { return r.wrong.Err() }

// Refuse notes that a field is wrong; text is a message id, args its values.
func (r *Reader) Refuse(name, text string, args ...any) { r.wrong.Add(name, text, args...) }

// RefuseBy notes the fields that an error names; nil names none.
func (r *Reader) RefuseBy(err error) { r.wrong.Append(err) }

// Flag reads yes or no; an empty field is the default.
func (r *Reader) Flag(name string, otherwise bool) bool {
	switch text := strings.ToLower(r.Text(name)); text {
	case "":
		return otherwise
	case "1", "on", "true", "yes":
		return true
	case "0", "off", "false", "no":
		return false
	default:
		r.Refuse(name, "error_flag", "Value", services.Clip(text))
		return otherwise
	}
}

// Choice reads one of the choices; an empty field is the first of them.
func (r *Reader) Choice(name string, choices ...string) string {
	text := r.Text(name)
	if text == "" {
		return choices[0]
	}
	for _, choice := range choices {
		if text == choice {
			return text
		}
	}
	r.Refuse(name, "error_choice", "Value", services.Clip(text), "Choices", strings.Join(choices, ", "))
	return choices[0]
}

// Number reads a whole number between least and most; an empty field is the
// default.
func (r *Reader) Number(name string, otherwise, least, most int) int {
	text := strings.TrimSpace(r.Text(name))
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.Refuse(name, "error_number", "Value", services.Clip(text))
		return otherwise
	}
	return r.within(name, n, otherwise, least, most)
}

// Seconds reads a time in whole seconds between least and most: a number, or a
// duration such as 90s or "1h 30m". An empty field is the default.
func (r *Reader) Seconds(name string, otherwise, least, most int) int {
	text := strings.ReplaceAll(r.Text(name), " ", "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err == nil {
		return r.within(name, n, otherwise, least, most)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		r.Refuse(name, "error_duration", "Value", services.Clip(text))
		return otherwise
	}
	return r.within(name, int(d/time.Second), otherwise, least, most)
}

func (r *Reader) within(name string, n, otherwise, least, most int) int {
	if n < least || n > most {
		r.Refuse(name, "error_range", "Value", services.Clip(r.Text(name)), "Min", least, "Max", most)
		return otherwise
	}
	return n
}
