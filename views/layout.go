package views

import (
	"cmp"
	"context"
	"strings"
	"time"
)

// newPage gives the document of a frame.
func newPage(ctx context.Context, f Frame) page {
	now := f.Now
	if now.IsZero() {
		now = time.Now()
	}
	return page{
		Title: pageTitle(ctx, f.Title), Theme: cmp.Or(f.Theme, Theme(ctx)),
		Stream: f.Stream, User: f.User, Now: now.UTC().Format(time.RFC3339Nano),
	}
}

// barePage gives the document of somebody who is not signed in.
func barePage(ctx context.Context, title string) page {
	return page{Title: pageTitle(ctx, title), Theme: Theme(ctx), Now: time.Now().UTC().Format(time.RFC3339Nano)}
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

// batchPage gives the document of a batch's page: it shows the batch itself, so
// it has no dock, and without JavaScript it loads again until the batch ends.
func batchPage(ctx context.Context, f Frame, v BatchPageView) page {
	p := newPage(ctx, f)
	p.NoDock = true
	if !v.Batch.State.Ended() {
		p.Reload = inBackground(BatchURL(v.Batch.ID))
	}
	return p
}
