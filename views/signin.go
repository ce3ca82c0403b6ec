package views

import "github.com/a-h/templ"

// signInURL returns the address of the sign-in page as it is.
func signInURL(f SignInForm) string {
	if f.Ended != "" {
		return EndedURL(f.Next, f.Ended)
	}
	return LoginURL(f.Next)
}

// fieldState ties an input to its help, or to what is wrong with it in place of
// the help.
func fieldState(p *Problem, name string, help bool) templ.Attributes {
	switch {
	case p.Field(name) != "":
		return templ.Attributes{"aria-invalid": "true", "aria-describedby": "e-" + name}
	case help:
		return templ.Attributes{"aria-describedby": "h-" + name}
	default:
		return nil
	}
}
