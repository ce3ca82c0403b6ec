// Package viewstest is for the tests of the rooms of views: sample data that
// several of them show, and what holds for every page and fragment.
package viewstest

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/views/ui"
)

// Spoken returns the words of a part with blanks between its elements, as they are
// read out.
func Spoken(s *goquery.Selection) string {
	var out []string
	s.Find("*").AddSelection(s).Contents().Each(func(_ int, part *goquery.Selection) {
		if text := strings.TrimSpace(part.Text()); goquery.NodeName(part) == "#text" && text != "" {
			out = append(out, blanks.ReplaceAllString(text, " "))
		}
	})
	return strings.Join(out, " ")
}

// FormValues returns what a browser would send.
func FormValues(form *goquery.Selection) url.Values {
	values := url.Values{}
	form.Find("input, select, textarea").Each(func(_ int, s *goquery.Selection) {
		_, checked := s.Attr("checked")
		switch {
		case slices.Contains([]string{"checkbox", "radio"}, s.AttrOr("type", "")) && !checked:
		case s.Is("textarea"):
			values.Add(s.AttrOr("name", ""), s.Text())
		case s.Is("select"):
			values.Add(s.AttrOr("name", ""), s.Find("option[selected]").AttrOr("value", ""))
		default:
			values.Add(s.AttrOr("name", ""), s.AttrOr("value", ""))
		}
	})
	return values
}

func Texts(s *goquery.Selection) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return Squeezed(s) })
}

func Document(t *testing.T, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	require.NoError(t, err)
	return doc
}

// RequirePages checks whole documents in both languages.
func RequirePages(t *testing.T, pages map[string]templ.Component) {
	t.Helper()
	for _, locale := range ui.Locales() {
		for name, page := range pages {
			t.Run(locale+"/"+name, func(t *testing.T) {
				html := Render(t, locale, page)
				doc := Document(t, html)
				require.True(t, strings.HasPrefix(strings.ToLower(html), "<!doctype html>"))
				require.Equal(t, 1, doc.Find("h1").Length(), "one h1")
				require.Equal(t, 1, doc.Find("main").Length(), "one main")
				require.Equal(t, locale, doc.Find("html").AttrOr("lang", ""))
				require.NotEmpty(t, doc.Find("title").Text())
				RequireSound(t, html, doc)
			})
		}
	}
}

// RequireFragments checks what HTMX and the event stream swap, in both languages.
func RequireFragments(t *testing.T, fragments map[string]templ.Component) {
	t.Helper()
	for _, locale := range ui.Locales() {
		for name, fragment := range fragments {
			t.Run(locale+"/"+name, func(t *testing.T) {
				html := Render(t, locale, fragment)
				require.NotEmpty(t, strings.TrimSpace(html))
				RequireSound(t, html, Document(t, html))
			})
		}
	}
}

// RequireSound is what the CSP, HTMX and screen readers ask of every piece.
func RequireSound(t *testing.T, html string, doc *goquery.Document) {
	t.Helper()
	require.NotContains(t, html, "<no value>")
	require.NotContains(t, html, "templ.SafeURL")
	require.Zero(t, doc.Find("script:not([src]), style, [style]").Length(), "inline script or style")
	ids := map[string]bool{}
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			require.NotRegexp(t, `^(on|hx-on)`, a.Key)
			require.False(t, strings.HasPrefix(a.Val, "js:") || strings.HasPrefix(a.Val, "javascript:"), a.Key)
		}
		if id, ok := s.Attr("id"); ok {
			require.False(t, ids[id], "id %q twice", id)
			require.Regexp(t, `^[A-Za-z][\w-]*$`, id, "an id that no selector takes")
			ids[id] = true
		}
	})
	doc.Find("input:not([type=hidden]), select, textarea").Each(func(_ int, s *goquery.Selection) {
		require.True(t, labelled(doc, s), "no label: %s", outer(s))
	})
	doc.Find("button, a").Each(func(_ int, s *goquery.Selection) {
		_, hidden := s.Attr("hidden")
		named := strings.TrimSpace(s.Text()) != "" || s.AttrOr(
			"aria-label", "",
		) != "" || s.AttrOr("tabindex", "") == "-1" || hidden
		require.True(t, named, "no name: %s", outer(s))
	})
	doc.Find("[aria-describedby], [aria-labelledby], [aria-controls]").Each(func(_ int, s *goquery.Selection) {
		for _, key := range []string{"aria-describedby", "aria-labelledby", "aria-controls"} {
			for id := range strings.FieldsSeq(s.AttrOr(key, "")) {
				require.True(t, ids[id], "%s names %q, which is not there", key, id)
			}
		}
	})
}

func labelled(doc *goquery.Document, s *goquery.Selection) bool {
	if s.AttrOr("aria-label", "") != "" || strings.TrimSpace(s.Closest("label").Text()) != "" {
		return true
	}
	id := s.AttrOr("id", "")
	return id != "" && strings.TrimSpace(doc.Find(`label[for="`+id+`"]`).Text()) != ""
}

func outer(s *goquery.Selection) string {
	html, _ := goquery.OuterHtml(s)
	return html
}

func Attributes(s *goquery.Selection, name string) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return s.AttrOr(name, "") })
}

var blanks = regexp.MustCompile(`\s+`)

func Squeezed(s *goquery.Selection) string {
	return strings.TrimSpace(blanks.ReplaceAllString(s.Text(), " "))
}

func Render(t *testing.T, locale string, c templ.Component) string {
	t.Helper()
	var out strings.Builder
	if err := c.Render(ui.WithLocale(t.Context(), locale), &out); err != nil {
		t.Fatalf("render: %v", err)
	}
	return out.String()
}
