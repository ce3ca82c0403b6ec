package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	pollEvery = time.Second
	// lostFor is how long a server may be away, for a restart, before the plugin gives up.
	lostFor = 5 * time.Minute
)

// finish follows a new batch to its end if that is wanted, and says how it stands.
func (a *app) finish(ctx context.Context, b batch, raw []byte, wait bool) error {
	if wait && !b.ended() {
		var err error
		b, err = a.follow(ctx, b.ID)
		if err != nil {
			return err
		}
		raw = nil
	}
	return a.report(ctx, b, raw)
}

// report says how a batch stands, and returns its exit. raw is the answer of the server, nil
// if it is to be read.
func (a *app) report(ctx context.Context, b batch, raw []byte) error {
	if !a.json() {
		b.write(a.out)
		return b.result()
	}
	if raw == nil {
		var err error
		raw, err = a.client.get(ctx, batchPath(b.ID), nil, nil)
		if err != nil {
			return err
		}
	}
	if _, err := a.out.Write(raw); err != nil {
		return err
	}
	return b.result()
}

// follow shows a batch until it has ended or waits for a person. An interrupt ends only
// this: the batch goes on.
func (a *app) follow(ctx context.Context, id string) (batch, error) {
	w := a.out
	if a.json() {
		w = a.err
	}
	p := &progress{w: w, redraws: a.redraws && !a.json(), width: a.width, now: time.Now}
	seen := time.Now()
	for {
		b, err := a.client.batch(ctx, id)
		switch {
		case ctx.Err() != nil:
			return b, detached(id)
		case err != nil && !(canPass(err) && time.Since(seen) < lostFor):
			return b, fmt.Errorf("%w\n  Batch %s goes on without this terminal", err, id)
		case err == nil:
			seen = time.Now()
			p.show(b)
		}
		if err == nil && (b.ended() || b.stands() != "") {
			p.erase()
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, detached(id)
		case <-time.After(pollEvery):
		}
	}
}

// canPass reports whether the server may answer later.
func canPass(err error) bool {
	var said *problem
	return errors.Is(err, errNoAnswer) || errors.As(err, &said) && said.passes()
}

func detached(id string) error {
	return &exit{exitInterrupted, fmt.Sprintf("interrupted; batch %s goes on\n"+
		"  kubectl node_mgr status --wait %s   follows it again\n"+
		"  kubectl node_mgr cancel %s          ends it", id, id, id)}
}

// write says how a batch stands.
func (b batch) write(w io.Writer) {
	_, _ = fmt.Fprintf(w, "Batch %s, %s in cluster %s: %s\n", b.ID, b.Operation, b.Cluster, b.words())
	_, _ = fmt.Fprintf(w, "  %d of %s: %s\n", b.Counts.done(), count(b.Total, "node"), b.Counts.text())
	for i, it := range b.failed() {
		if i == 2*shown {
			_, _ = fmt.Fprintln(w, "  … -o json has all")
			break
		}
		_, _ = fmt.Fprintf(w, "  %s: %s %s\n", it.Node, it.State, it.Error)
	}
}

// words returns the state of a batch.
func (b batch) words() string {
	if why := b.stands(); why != "" && !b.ended() {
		return why
	}
	return string(b.State)
}

// failed returns the nodes on which the batch has failed, and those that it has skipped.
func (b batch) failed() []item {
	var out []item
	for _, it := range b.Items {
		if it.State == "failed" || it.State == "skipped" && it.Error != "" {
			out = append(out, it)
		}
	}
	return out
}
