package ui_test

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/views/ui"
)

func TestBase_paths(t *testing.T) {
	b := ui.NewBase("/ops/nodes")
	for outside, inside := range map[string]string{
		"/ops/nodes": "/", "/ops/nodes/": "/", "/ops/nodes/clusters": "/clusters", "/ops/nodes/ops/nodes": "/ops/nodes",
		"/ops/nodes//x": "//x",
	} {
		got, below := b.Inside(outside)
		require.True(t, below, outside)
		require.Equal(t, inside, got)
	}
	for _, other := range []string{"", "/", "/ops", "/ops/nodesx", "/nodes", "/x/ops/nodes", "ops/nodes/x"} {
		got, below := b.Inside(other)
		require.False(t, below, other)
		require.Equal(t, other, got)
	}
	require.Equal(t, "/ops/nodes/clusters?q=/x", b.Outside("/clusters?q=/x"))
	require.Equal(t, "/ops/nodes/", b.Outside("/"))
	require.Equal(t, "https://example.com/x", b.Outside("https://example.com/x"))
	require.Equal(t, "/ops/nodes", b.Path())
}

func TestBase_none(t *testing.T) {
	b := ui.NewBase("")
	require.Nil(t, b)
	require.Equal(t, "/", b.Path())
	require.Equal(t, "/clusters", b.Outside("/clusters"))
	got, below := b.Inside("/clusters")
	require.True(t, below)
	require.Equal(t, "/clusters", got)
}

// Addresses get the base; texts and values that look like addresses do not.
func TestRender_base(t *testing.T) {
	const tricky = ` href="/x" action='/y' content="2;url=/z`
	page := ui.BareError(ui.Problem{Text: tricky, Hint: tricky, RetryURL: "/again?next=/x"})
	plain, err := ui.Render(t.Context(), page)
	require.NoError(t, err)
	based, err := ui.Render(ui.WithBase(t.Context(), ui.NewBase("/ops")), page)
	require.NoError(t, err)
	before, after := document(t, plain), document(t, based)
	require.Equal(t, tricky, after.Find("h1").Text())
	require.Equal(t, before.Text(), after.Text())
	require.Equal(t, "/ops/again?next=/x", after.Find("a[href*=again]").AttrOr("href", ""))
	require.Equal(t, "/ops/preferences", after.Find("form").AttrOr("action", ""))
	back := func(doc *goquery.Document) string { return doc.Find("input[name=back]").AttrOr("value", "none") }
	require.Equal(t, "/", back(after))
	require.Equal(t, back(before), back(after))
	require.Equal(t, "/", before.Find("body").AttrOr("data-base", ""))
	require.Equal(t, "/ops", after.Find("body").AttrOr("data-base", ""))
}

func document(t *testing.T, html []byte) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(html)))
	require.NoError(t, err)
	return doc
}
