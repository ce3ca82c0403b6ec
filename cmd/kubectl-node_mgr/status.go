package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// batchList is a page of batches, the newest first.
type batchList struct {
	Items []batch
	Older string
}

func (a *app) statusCommand() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use: "status [BATCH]", Short: "Show a batch, or the batches that have not ended", Args: atMost(1),
		ValidArgsFunction: a.completeBatches,
	}
	c.Flags().BoolVar(&wait, "wait", false, "follow the batch to its end")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := a.connect(); err != nil {
			return err
		}
		if len(args) == 0 {
			if wait {
				return refuse("--wait needs the ID of a batch")
			}
			return a.showOpen(c.Context())
		}
		return a.showBatch(c.Context(), args[0], wait)
	}
	return c
}

func (a *app) showBatch(ctx context.Context, id string, wait bool) error {
	if wait {
		b, err := a.follow(ctx, id)
		if err != nil {
			return err
		}
		return a.report(ctx, b, nil)
	}
	var b batch
	raw, err := a.client.get(ctx, batchPath(id), nil, &b)
	if err != nil {
		return err
	}
	if !a.json() {
		p := progress{w: a.out, now: time.Now, redraws: true, width: func() int { return 1000 }}
		if !b.ended() {
			p.show(b)
		}
	}
	return a.report(ctx, b, raw)
}

// openStates are those of batches that have not ended.
func openStates() []string { return []string{"running", "proposed", "scheduled", "interrupted"} }

// showOpen lists the batches that have not ended.
func (a *app) showOpen(ctx context.Context) error {
	var open []batch
	var raw []json.RawMessage
	for _, state := range openStates() {
		var list batchList
		var whole struct {
			Items []json.RawMessage `json:"items"`
		}
		query := url.Values{"state": {state}}
		if a.cluster != "" {
			query.Set("cluster", a.cluster)
		}
		answer, err := a.client.get(ctx, "/batches", query, &list)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(answer, &whole); err != nil {
			return fmt.Errorf("decode the batches: %w", err)
		}
		open, raw = append(open, list.Items...), append(raw, whole.Items...)
	}
	if a.json() {
		return json.NewEncoder(a.out).Encode(map[string]any{"items": append([]json.RawMessage{}, raw...)})
	}
	return a.table(open, "No batch is open.")
}

// table lists batches.
func (a *app) table(batches []batch, none string) error {
	if len(batches) == 0 {
		_, err := fmt.Fprintln(a.out, none)
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "BATCH\tCREATED\tCLUSTER\tOPERATION\tSTATE\tNODES\tBY\tREASON")
	for _, b := range batches {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d/%d\t%s\t%s\n", b.ID, b.CreatedAt.Local().Format("2006-01-02 15:04"),
			b.Cluster, b.Operation, b.State, b.Counts.done(), b.Total, b.By, b.Reason)
	}
	return w.Flush()
}

func atMost(n int) cobra.PositionalArgs { return cobra.MaximumNArgs(n) }
