package main

import (
	"context"
	"fmt"

	"kube-node-manager/web"
)

type restoreCmd struct {
	dataFlag
	File string `arg:"" help:"Copy of a database, made by backup or before a migration."`
}

// Run puts a copy in the place of the database. The server must not run.
func (c *restoreCmd) Run(ctx context.Context, s streams) error {
	r, err := web.Restore(ctx, c.Database, c.Data, c.File, s.log())
	if err != nil {
		return err
	}
	aside := "There was no database before."
	if r.Aside != "" {
		aside = fmt.Sprintf("The database before is now %s.", r.Aside)
	}
	return say(s, fmt.Sprintf("Restored %s, with %s", c.File, plural(r.Users, "user.", "users.")), aside,
		plural(r.Unfinished, "unfinished batch waits for somebody to resume or cancel it.",
			"unfinished batches wait for somebody to resume or cancel them."),
		"All sessions have ended; passwords and tokens are those of the copy.")
}
