package handlers

import (
	"github.com/a-h/templ"

	"kube-node-manager/views/ui"
)

// FormError is an error whose answer, to a browser, is the form that was sent
// with what is wrong in it; the person loses nothing that they typed. Handlers
// return it; the edge finds the status and the translated problem as for any
// other error, and renders Form with it. JSON clients see Err alone.
type FormError struct {
	Err  error
	Form func(p *ui.Problem) templ.Component
}

// Error returns the log form.
func (e *FormError) Error() string { return e.Err.Error() }

// Unwrap returns the error behind it.
func (e *FormError) Unwrap() error { return e.Err }
