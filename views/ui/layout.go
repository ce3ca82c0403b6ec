package ui

import (
	"cmp"
	"context"
	"strings"
	"time"
)

// htmxConfig switches off everything of htmx that needs eval, scripts in answers
// or a copy of the page in the browser's storage. Every refusal goes to #flash, so
// that a failed action never replaces what it was meant to update.
const htmxConfig = `{"allowEval":false,"allowScriptTags":false,"includeIndicatorStyles":false,` +
	`"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true,` +
	`"historyRestoreAsHxRequest":false,"allowNestedOobSwaps":false,` +
	`"reportValidityOfForms":true,"timeout":20000,"responseHandling":[` +
	`{"code":"204","swap":false},{"code":"[23]..","swap":true},` +
	`{"code":"[45]..","swap":true,"target":"#flash","swapOverride":"innerHTML","select":"unset","error":true}]}`

// pageHead returns the head of a frame's document.
func pageHead(ctx context.Context, f Frame) head {
	now := f.Now
	if now.IsZero() {
		now = time.Now()
	}
	return head{
		Title: pageTitle(ctx, f.Title), Theme: cmp.Or(f.Theme, Theme(ctx)),
		Stream: f.Stream, Reload: f.Reload, User: f.User, Now: now.UTC().Format(time.RFC3339Nano),
	}
}

// bareHead returns the head of a document for somebody who is not signed in.
func bareHead(ctx context.Context, title string) head {
	return head{Title: pageTitle(ctx, title), Theme: Theme(ctx), Now: time.Now().UTC().Format(time.RFC3339Nano)}
}

func pageTitle(ctx context.Context, title string) string {
	if title == "" {
		return T(ctx, "product")
	}
	return title + " · " + T(ctx, "product")
}

// colorScheme returns the color-scheme of a theme: what the browser paints with
// before the style sheet is loaded.
func colorScheme(theme string) string { return cmp.Or(theme, "light dark") }

// mainClass returns the class of the main element. It names the page, so that the
// node table can fill the window.
func mainClass(f Frame) string {
	return strings.TrimSpace("main " + f.Current)
}
