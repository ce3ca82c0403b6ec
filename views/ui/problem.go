package ui

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"kube-node-manager/services"
)

// Problem is what went wrong, in words for a person.
type Problem struct {
	Status    int
	Code      services.Code
	Text      string // what happened
	Hint      string // what to do; may be ""
	AccessURL string // page with what the cluster denies, and the roles that allow it; "" shows no link
	RetryURL  string // address of the button "Try again"; "" shows no button
	RequestID string
	Fields    map[string]string // what is wrong with each field, by its name
}

// NewProblem translates an error. The hint is the message Text+"_hint", if there
// is one; an error without a message gets the message of its code. The caller fills
// in Status, AccessURL, RetryURL and RequestID. It returns nil for nil.
func NewProblem(ctx context.Context, err error) *Problem {
	if err == nil {
		return nil
	}
	e := services.AsError(err)
	p := &Problem{Code: e.Code, Text: ErrorText(ctx, e)}
	hint := e.Text + "_hint"
	if HasMessage(ctx, hint) {
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

// ErrorText returns the most precise message that exists: that of the error, of
// its code, or a general one.
func ErrorText(ctx context.Context, e *services.Error) string {
	for _, id := range []string{e.Text, "error_" + string(e.Code)} {
		if HasMessage(ctx, id) {
			return translate(ctx, id, e.Args, nil)
		}
	}
	return T(ctx, "problem_unknown")
}

// Field returns what is wrong with a field, "" when nothing is or p is nil.
func (p *Problem) Field(name string) string {
	if p == nil {
		return ""
	}
	return p.Fields[name]
}

// Whole returns p, or nil if what is wrong stands beside single fields.
func (p *Problem) Whole() *Problem {
	if p == nil || len(p.Fields) > 0 {
		return nil
	}
	return p
}

// problemKind returns the mark of a problem.
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

// problemWord returns the heading of a problem: its HTTP status and its kind.
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

// problemHint returns the hint of a problem, or the general one of its code.
func problemHint(ctx context.Context, p Problem) string {
	if p.Hint != "" {
		return p.Hint
	}
	id := "code_" + string(p.Code) + "_hint"
	if HasMessage(ctx, id) {
		return T(ctx, id)
	}
	return ""
}

// FieldTexts returns what is wrong with the fields, in the order of their names.
func FieldTexts(p Problem) []string {
	texts := make([]string, 0, len(p.Fields))
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		texts = append(texts, p.Fields[name])
	}
	return texts
}
