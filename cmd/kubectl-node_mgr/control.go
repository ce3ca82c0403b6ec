package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

// undoCommand plans and starts a batch that takes another back.
func (a *app) undoCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "undo BATCH", Short: "Restore what a batch has changed", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeBatches,
	}
	fields := append(rolloutFields(), field{name: "force", help: "also revert later changes by others", flag: true})
	fields = append(fields, field{name: "node", help: "only this node of the batch; repeated", list: true})
	r := addRequest(c)
	addFields(c, fields)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := a.connect(); err != nil {
			return err
		}
		b, err := a.client.batch(c.Context(), args[0])
		if err != nil {
			return err
		}
		a.cluster = string(b.Cluster)
		form := url.Values{"operation": {"undo"}, "undo_of": {b.ID}}
		readFields(c.Flags(), fields, form)
		return a.carryOut(c, r, form)
	}
	return c
}

// controlCommands are those that tell a batch something.
func (a *app) controlCommands() []*cobra.Command {
	var commands []*cobra.Command
	for name, help := range map[string]string{
		"cancel": "End a batch: it begins no more nodes",
		"pause":  "Let a batch begin nothing more until it is resumed",
		"resume": "Continue a batch that is paused, interrupted or waits for a person",
	} {
		commands = append(commands, a.controlCommand(name, help))
	}
	return commands
}

func (a *app) controlCommand(name, help string) *cobra.Command {
	c := &cobra.Command{
		Use: name + " BATCH", Short: help, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeBatches,
	}
	addFields(c, consentFields())
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := a.connect(); err != nil {
			return err
		}
		form := url.Values{}
		readFields(c.Flags(), consentFields(), form)
		var b batch
		raw, err := a.send(c.Context(), batchPath(args[0])+"/"+name, form, &b)
		if err != nil {
			return err
		}
		if a.json() {
			_, err := a.out.Write(raw)
			return err
		}
		b.write(a.out)
		return nil // the batch has been told, however it stands
	}
	return c
}
