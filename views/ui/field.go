package ui

import "github.com/a-h/templ"

// Pair is a hidden field, or a line in a list of facts.
type Pair struct{ Name, Value string }

// FieldState returns the attributes that link an input to its help, or to what is
// wrong with it, which Field shows instead of the help.
func FieldState(p *Problem, name string, help bool) templ.Attributes {
	switch {
	case p.Field(name) != "":
		return templ.Attributes{"aria-invalid": "true", "aria-describedby": "e-" + name}
	case help:
		return templ.Attributes{"aria-describedby": "h-" + name}
	default:
		return nil
	}
}
