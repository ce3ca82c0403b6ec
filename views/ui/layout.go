package ui

import (
	"cmp"
	"context"
	"strings"
	"time"
)

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

// colorScheme tells the browser the colours of what it paints before the
// stylesheet has arrived.
func colorScheme(theme string) string { return cmp.Or(theme, "light dark") }

// mainClass names the page, so that the node table can fill the window.
func mainClass(f Frame) string {
	return strings.TrimSpace("main " + f.Current)
}
