package admin

import "kube-node-manager/views/ui"

// SignInForm is the sign-in page as it was filled in.
type SignInForm struct {
	Name    string
	Next    string // the page to go to
	Ended   ui.SessionEnd
	Problem *ui.Problem
}

// SetupForm is the page that creates the first administrator, as it was filled in.
type SetupForm struct {
	Code    string
	Name    string
	Others  bool // there are users, but no administrator
	Problem *ui.Problem
}

// signInURL returns the address of the sign-in page itself.
func signInURL(f SignInForm) string {
	if f.Ended != "" {
		return ui.EndedURL(f.Next, f.Ended)
	}
	return ui.LoginURL(f.Next)
}
