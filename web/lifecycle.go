package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// cleanups is a stack of clean-up steps. Each step has a name and a time limit of its own,
// so that one that hangs does not use up the time of the others.
type cleanups struct {
	log   *slog.Logger
	mu    sync.Mutex
	steps []cleanup
}

type cleanup struct {
	name  string
	limit time.Duration
	run   func(ctx context.Context) error
}

// push adds a step, which runs before all earlier ones.
func (c *cleanups) push(name string, limit time.Duration, run func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, cleanup{name: name, limit: limit, run: run})
}

// run runs every step, also after one has failed, and joins their errors. A second call
// does not run a step again.
func (c *cleanups) run(ctx context.Context) error {
	var errs []error
	for {
		step, ok := c.pop()
		if !ok {
			return errors.Join(errs...)
		}
		if err := c.runStep(ctx, step); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.name, err))
		}
	}
}

func (c *cleanups) pop() (cleanup, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.steps) == 0 {
		return cleanup{}, false
	}
	last := len(c.steps) - 1
	step := c.steps[last]
	c.steps = c.steps[:last]
	return step, true
}

// runStep runs a step within its limit. A step that ignores the end of its context keeps
// running, which does no harm because the program is about to exit.
func (c *cleanups) runStep(ctx context.Context, step cleanup) error {
	ctx, cancel := context.WithTimeout(ctx, step.limit)
	defer cancel()
	begin := time.Now()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- step.run(ctx)
	}()
	select {
	case err := <-done:
		c.log.Debug("Stopped", "step", step.name, "took", time.Since(begin))
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		return fmt.Errorf("did not end within %s", time.Since(begin).Round(time.Millisecond))
	}
}

// grace is how long a step may take to return after its context has ended.
const grace = 200 * time.Millisecond
