package ui_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestTemplates_useNothingThatNeedsEval(t *testing.T) {
	files, err := filepath.Glob("../*/*.templ")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotRegexp(t, `hx-on|"js:|hx-trigger="[^"]*\[|\bstyle=|\son[a-z]+=|hx-boost|time\.Now`, string(source), file)
	}
}

func TestTheme(t *testing.T) {
	f := viewstest.Frame()
	f.Theme = "dark"
	require.Equal(
		t, "dark",
		viewstest.Document(
			t, viewstest.Render(t, "en", ui.ErrorPage(f, viewstest.Problem())),
		).Find("html").AttrOr("data-theme", ""),
	)
	var out strings.Builder
	require.NoError(t, ui.BareError(viewstest.Problem()).Render(ui.WithTheme(t.Context(), "light"), &out))
	require.Equal(t, "light", viewstest.Document(t, out.String()).Find("html").AttrOr("data-theme", ""))
}

// framePages are the pages of what goes wrong.
func framePages() map[string]templ.Component {
	return map[string]templ.Component{
		"error":           ui.ErrorPage(viewstest.Frame(), viewstest.Problem()),
		"error, no frame": ui.ErrorPage(ui.Frame{}, ui.Problem{Text: "Oh."}),
		"bare error":      ui.BareError(viewstest.Problem()),
	}
}

func TestPages_areSound(t *testing.T) { viewstest.RequirePages(t, framePages()) }

func TestFlash_isSound(t *testing.T) {
	viewstest.RequireFragments(t, map[string]templ.Component{
		"flash":         ui.Flash(viewstest.Problem()),
		"empty problem": ui.Flash(ui.Problem{}),
	})
}
