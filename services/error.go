package services

import (
	"context"
	"errors"
	"fmt"
)

// Code classes an error by what the caller can do about it. The edge turns a
// code into an HTTP status, a translated text and a log level.
type Code string

// The codes. A new code needs a status in web and a text in views.
const (
	CodeInvalid         Code = "invalid"         // what was sent is wrong; Fields names it
	CodeUnauthenticated Code = "unauthenticated" // nobody is signed in
	CodeForbidden       Code = "forbidden"       // the actor, or our account in the cluster, lacks a right
	CodeNotFound        Code = "not_found"       // no such cluster, node, batch or user
	CodeConflict        Code = "conflict"        // it changed meanwhile, or its state does not allow this
	CodeThrottled       Code = "throttled"       // too many tries; wait
	CodeUnavailable     Code = "unavailable"     // the cluster cannot be reached or refuses to serve
	CodeTimeout         Code = "timeout"         // no answer in time; the outcome may be unknown
	CodeInternal        Code = "internal"        // our fault; the text goes to the log only
)

// Error is a domain error. Text is a message id that views translates; it and
// Args may be shown to a person. Err goes to the log and to nobody else.
type Error struct {
	Code   Code
	Text   string
	Args   map[string]any
	Fields []FieldError
	Err    error
}

// Error gives the log form.
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

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// NewError returns a domain error with a message id and, as key-value pairs, the
// values of its placeholders.
func NewError(code Code, text string, args ...any) *Error {
	return &Error{Code: code, Text: text, Args: Args(args...)}
}

// Wrap is NewError with a cause for the log.
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

// Args makes a placeholder map of key-value pairs.
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

// CodeOf gives the code of err: its own when it wraps an Error, CodeTimeout for
// a deadline, CodeInternal for anything else, and "" for nil.
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

// AsError gives the domain error that err wraps; anything else becomes a
// CodeInternal (or CodeTimeout) error whose cause is for the log only.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	code := CodeOf(err)
	return &Error{Code: code, Text: "error_" + string(code), Err: err}
}
