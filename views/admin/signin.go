package admin

import (
	"context"

	"kube-node-manager/views/ui"
)

// SignInForm is the sign-in page as it was filled in.
type SignInForm struct {
	Name    string
	Next    string // the page to go to
	Ended   ui.SessionEnd
	Problem *ui.Problem

	Passwords    bool   // there is a form for name and password
	Provider     bool   // there is an identity provider
	ProviderName string // as people know it; may be ""
	ProviderDown bool   // it could not be reached lately
}

// CodeForm is the second half of a sign-in.
type CodeForm struct {
	Name    string // of the user
	Problem *ui.Problem
}

// SetupForm is the page that creates the first administrator, as it was filled in.
type SetupForm struct {
	Code    string
	Name    string
	Others  bool // there are users, but no administrator
	Problem *ui.Problem
}

// providerText returns the text of the button to the identity provider.
func providerText(ctx context.Context, f SignInForm) string {
	if f.ProviderName == "" {
		return ui.T(ctx, "sign_on")
	}
	return ui.T(ctx, "sign_on_with", "Name", f.ProviderName)
}

// providerClass returns the style of the button to the identity provider. The page has
// one main button.
func providerClass(f SignInForm) string {
	if f.Passwords {
		return "btn wide"
	}
	return "btn primary wide"
}

// signInURL returns the address of the sign-in page itself.
func signInURL(f SignInForm) string {
	if f.Ended != "" {
		return ui.EndedURL(f.Next, f.Ended)
	}
	return ui.LoginURL(f.Next)
}
