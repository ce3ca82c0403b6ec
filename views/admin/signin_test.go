package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views/admin"
	"kube-node-manager/views/viewstest"
)

func TestForms(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", admin.SignIn(admin.SignInForm{Next: "/n", Name: "a"})))
	form := doc.Find(`form[action="/login"][method=post]`)
	require.Equal(t, []string{"next", "name", "password"}, viewstest.Attributes(form.Find("input"), "name"))
	doc = viewstest.Document(t, viewstest.Render(t, "en", admin.Setup(admin.SetupForm{Code: "c"})))
	form = doc.Find(`form[action="/setup"][method=post]`)
	require.Equal(t, []string{"code", "name", "password", "password2"}, viewstest.Attributes(form.Find("input"), "name"))
	require.Equal(t, 2, doc.Find(`form[action="/preferences"] [name=back]`).Length())
}
