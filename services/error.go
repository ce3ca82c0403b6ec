package services

import (
	"context"
	"errors"
	"fmt"
)

// Code is the class of an error, by what the caller can do about it. Package web
// maps a code to an HTTP status, a translated text and a log level.
type Code string

// The codes. A new code needs a status in web and a message in views.
const (
	CodeInvalid         Code = "invalid"         // the input is wrong; Fields names the fields
	CodeUnauthenticated Code = "unauthenticated" // not signed in
	CodeForbidden       Code = "forbidden"       // the actor, or our account in the cluster, lacks a permission
	CodeNotFound        Code = "not_found"       // there is no such cluster, node, batch or user
	CodeConflict        Code = "conflict"        // it has changed in the meantime, or its state does not allow this
	CodeThrottled       Code = "throttled"       // too many requests or tries; try again later
	CodeUnavailable     Code = "unavailable"     // the cluster cannot be reached or refuses the request
	CodeTimeout         Code = "timeout"         // no answer in time; the outcome may be unknown
	CodeInternal        Code = "internal"        // an internal error; only the log has the cause
)

// Error is a domain error.
type Error struct {
	Code   Code
	Text   string         // message id, which views translates; may be shown to a person
	Args   map[string]any // values of the message's placeholders; may be shown too
	Fields []FieldError   // the wrong fields of a form
	Err    error          // the cause, for the log only
}

// Error returns the text for the log.
func (e *Error) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %v", e.Text, e.Err)
	case len(e.Fields) > 0:
		return fmt.Sprintf("%s: field %s: %s", e.Text, e.Fields[0].Field, e.Fields[0].Text)
	default:
		return e.Text
	}
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// NewError returns a domain error with a message id and, as key-value pairs, the
// values of the message's placeholders.
func NewError(code Code, text string, args ...any) *Error {
	return &Error{Code: code, Text: text, Args: Args(args...)}
}

// Wrap returns a domain error like NewError, with a cause for the log.
func Wrap(err error, code Code, text string, args ...any) *Error {
	return &Error{Code: code, Text: text, Args: Args(args...), Err: err}
}

// Invalid returns a CodeInvalid error that names one field.
func Invalid(field, text string, args ...any) *Error {
	return InvalidFields(FieldError{Field: field, Text: text, Args: Args(args...)})
}

// InvalidFields returns a CodeInvalid error that names every wrong field.
func InvalidFields(fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Text: "error_invalid", Fields: fields}
}

// Args returns the key-value pairs as a map. Keys must be strings.
func Args(pairs ...any) map[string]any {
	if len(pairs) == 0 {
		return nil
	}
	args := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i].(string)] = pairs[i+1]
	}
	return args
}

// CodeOf returns the code of the Error that err wraps, CodeTimeout for an exceeded
// deadline, CodeInternal for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return CodeTimeout
	}
	return CodeInternal
}

// AsError returns the domain error that err wraps. Any other error becomes a
// CodeInternal or CodeTimeout error with err as its cause.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	code := CodeOf(err)
	return &Error{Code: code, Text: "error_" + string(code), Err: err}
}
