package admin_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views/admin"
	"kube-node-manager/views/viewstest"
)

func TestForms(t *testing.T) {
	signIn := admin.SignInForm{Next: "/n", Name: "a", Passwords: true}
	doc := viewstest.Document(t, viewstest.Render(t, "en", admin.SignIn(signIn)))
	form := doc.Find(`form[action="/login"][method=post]`)
	require.Equal(t, []string{"next", "name", "password"}, viewstest.Attributes(form.Find("input"), "name"))
	doc = viewstest.Document(t, viewstest.Render(t, "en", admin.Setup(admin.SetupForm{Code: "c"})))
	form = doc.Find(`form[action="/setup"][method=post]`)
	require.Equal(t, []string{"code", "name", "password", "password2"}, viewstest.Attributes(form.Find("input"), "name"))
	require.Equal(t, 2, doc.Find(`form[action="/preferences"] [name=back]`).Length())
}

// The page offers the ways to sign in that there are, and has one main button.
func TestSignIn_ways(t *testing.T) {
	const link = `form.card a[href="/login/oidc?next=%2Fn"]`
	for name, tt := range map[string]struct {
		form            admin.SignInForm
		fields, links   int
		button, warning string
	}{
		"password": {admin.SignInForm{Passwords: true}, 3, 0, "", ""},
		"both": {
			admin.SignInForm{Passwords: true, Provider: true, ProviderName: "Example ID"},
			3, 1,
			"Continue with Example ID", "",
		},
		"provider": {admin.SignInForm{Provider: true}, 0, 1, "Continue with single sign-on", ""},
		"provider is down": {
			admin.SignInForm{Passwords: true, Provider: true, ProviderDown: true},
			3, 1, "Continue with single sign-on",
			"You can still sign in with a password.",
		},
		"only provider is down": {
			admin.SignInForm{Provider: true, ProviderDown: true}, 0, 1, "Continue with single sign-on", "Try again in a moment.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.form.Next = "/n"
			doc := viewstest.Document(t, viewstest.Render(t, "en", admin.SignIn(tt.form)))
			require.Equal(t, tt.fields, doc.Find("form.card input").Length())
			require.Equal(t, tt.links, doc.Find(link).Length())
			require.Equal(t, tt.button, strings.TrimSpace(doc.Find(link).Text()))
			require.Equal(t, tt.warning, doc.Find(".note.warn span").Text())
			require.Equal(t, 1, doc.Find("form.card .btn.primary").Length())
		})
	}
}
