package ui

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"kube-node-manager/services"
)

// Problem is what went wrong, in a person's words.
type Problem struct {
	Status    int
	Code      services.Code
	Text      string // what happened, translated
	Hint      string // what to do, translated; may be empty
	RetryURL  string // where Try again goes; "" shows no button
	RequestID string
	Fields    map[string]string // field name → translated text
}

// NewProblem puts an error into a person's words. Text and Args of a domain
// error are translated, its hint is the message Text+"_hint" when there is one,
// and a text that has no message falls back to the one of its code. The caller
// fills in Status, RetryURL and RequestID. It returns nil for nil.
func NewProblem(ctx context.Context, err error) *Problem {
	if err == nil {
		return nil
	}
	e := services.AsError(err)
	p := &Problem{Code: e.Code, Text: ErrorText(ctx, e)}
	if hint := e.Text + "_hint"; HasMessage(ctx, hint) {
		p.Hint = translate(ctx, hint, e.Args, nil)
	}
	for _, f := range e.Fields {
		if p.Fields == nil {
			p.Fields = make(map[string]string, len(e.Fields))
		}
		p.Fields[f.Field] = translate(ctx, f.Text, f.Args, nil)
	}
	return p
}

// ErrorText looks for the most telling message that exists: the error's own,
// its code's, the general one.
func ErrorText(ctx context.Context, e *services.Error) string {
	for _, id := range []string{e.Text, "error_" + string(e.Code)} {
		if HasMessage(ctx, id) {
			return translate(ctx, id, e.Args, nil)
		}
	}
	return T(ctx, "problem_unknown")
}

// Field gives the text of a wrong field, "" when it is right or p is nil.
func (p *Problem) Field(name string) string {
	if p == nil {
		return ""
	}
	return p.Fields[name]
}

// problemKind gives the mark of a problem: a wall is violet, a gap grey, a
// wait amber, a fault red.
func problemKind(p Problem) string {
	switch p.Code {
	case services.CodeForbidden, services.CodeUnauthenticated:
		return "hold"
	case services.CodeNotFound:
		return "idle"
	case services.CodeThrottled, services.CodeConflict, services.CodeTimeout:
		return "warn"
	default:
		return "bad"
	}
}

// problemWord names the kind of problem above its sentence.
func problemWord(ctx context.Context, p Problem) string {
	id := "code_" + string(p.Code)
	if p.Code == "" || !HasMessage(ctx, id) {
		id = "code_internal"
	}
	word := T(ctx, id)
	if p.Status != 0 {
		word = strconv.Itoa(p.Status) + " · " + word
	}
	return word
}

// problemHint gives the problem's own hint, or the general one of its code.
func problemHint(ctx context.Context, p Problem) string {
	if p.Hint != "" {
		return p.Hint
	}
	if id := "code_" + string(p.Code) + "_hint"; HasMessage(ctx, id) {
		return T(ctx, id)
	}
	return ""
}

// FieldTexts gives what is wrong with the fields, in the order of their names.
func FieldTexts(p Problem) []string {
	texts := make([]string, 0, len(p.Fields))
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		texts = append(texts, p.Fields[name])
	}
	return texts
}
