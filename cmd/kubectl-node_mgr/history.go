package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func historyFields() []field {
	return []field{
		{name: "q", help: "words that must occur in the reason, user, ID or node names"},
		{name: "operation", help: "only this operation"},
		{name: "state", help: "only in this state"},
		{name: "by", help: "only of this user"},
		{name: "node", help: "only with this node"},
		{name: "since", help: "today, 7d or 30d"},
		{name: "from", help: "first day, in UTC, or time"},
		{name: "to", help: "last day, in UTC, or time"},
		{name: "before", help: "only batches before the one with this ID"},
	}
}

func (a *app) historyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "history", Short: "List batches, the newest first", Args: atMost(0), ValidArgsFunction: cobra.NoFileCompletions,
	}
	addFields(c, historyFields())
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := a.connect(); err != nil {
			return err
		}
		query := url.Values{}
		readFields(c.Flags(), historyFields(), query)
		if a.cluster != "" {
			query.Set("cluster", a.cluster)
		}
		var list batchList
		raw, err := a.client.get(c.Context(), "/batches", query, &list)
		if err != nil {
			return err
		}
		return a.showHistory(list, raw)
	}
	return c
}

func (a *app) showHistory(list batchList, raw []byte) error {
	if a.json() {
		_, err := a.out.Write(raw)
		return err
	}
	if err := a.table(list.Items, "No batches."); err != nil {
		return err
	}
	if list.Older != "" {
		_, _ = fmt.Fprintln(a.out, "Older ones: --before", clean(list.Older))
	}
	return nil
}
