package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// agree asks whether a plan is to be carried out. One that reaches far is agreed to by
// typing the name of the cluster.
func (a *app) agree(ctx context.Context, p plan, r *request) error {
	far := len(p.Reach) > 0
	switch {
	case r.yes && far && !r.reach:
		return refuse("the plan affects a large part of the cluster: give --reach to start it all the same")
	case r.yes:
		return nil
	case !a.asks:
		return refuse("there is no terminal to ask: give --yes to start, or --dry-run to see the plan only")
	case far && !r.reach:
		answer, err := a.ask(ctx, fmt.Sprintf("Type the name of the cluster, %s, to start: ", a.cluster))
		return started(answer == a.cluster, err)
	default:
		answer, err := a.ask(ctx, "Start? [y/N] ")
		return started(slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)), err)
	}
}

func started(agreed bool, err error) error {
	if err == nil && !agreed {
		return &exit{exitRefused, "nothing was started"}
	}
	return err
}

// ask writes a question and reads a line. An interrupt ends the wait for it.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	_, _ = fmt.Fprint(a.err, question)
	answered := make(chan string, 1)
	go func() {
		line, _ := a.lines().ReadString('\n')
		answered <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answered:
		return line, nil
	case <-ctx.Done():
		return "", &exit{exitInterrupted, "nothing was started"}
	}
}

// lines returns the standard input, buffered once for all questions.
func (a *app) lines() *bufio.Reader {
	reader, ok := a.in.(*bufio.Reader)
	if !ok {
		reader = bufio.NewReader(a.in)
		a.in = reader
	}
	return reader
}

// askConsents asks for the consents that the server wants, and writes them into the form. It
// reports false if the refusal is about something else, or an answer was wrong.
func (a *app) askConsents(ctx context.Context, err error, form map[string][]string) bool {
	var said *problem
	if !errors.As(err, &said) {
		return false
	}
	asked := false
	for _, f := range consentFields() {
		text, wanted := said.Fields[f.name]
		if !wanted || len(form[f.name]) > 0 {
			continue
		}
		answer, err := a.askConsent(ctx, f, string(text))
		if err != nil || answer == "" {
			return false
		}
		form[f.name] = []string{answer}
		asked = true
	}
	return asked
}

func (a *app) askConsent(ctx context.Context, f field, text string) (string, error) {
	if !f.flag {
		return a.ask(ctx, text+"\n> ")
	}
	answer, err := a.ask(ctx, text+" [y/N] ")
	if err != nil || !slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)) {
		return "", err
	}
	return "1", nil
}
