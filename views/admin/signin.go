package admin

import "kube-node-manager/views/ui"

// SignInForm is the sign-in page.
type SignInForm struct {
	Name    string
	Next    string
	Ended   ui.SessionEnd
	Problem *ui.Problem
}

// SetupForm is the page that makes the first administrator.
type SetupForm struct {
	Code    string
	Name    string
	Others  bool // somebody who is no administrator can sign in
	Problem *ui.Problem
}

// signInURL returns the address of the sign-in page as it is.
func signInURL(f SignInForm) string {
	if f.Ended != "" {
		return ui.EndedURL(f.Next, f.Ended)
	}
	return ui.LoginURL(f.Next)
}
