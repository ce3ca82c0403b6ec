package main

import (
	"context"
	"fmt"

	"kube-node-manager/web"
)

type copyCmd struct {
	Data     string `help:"Directory of the database to copy." default:"./data"`
	Database string `help:"Empty PostgreSQL database to copy it into." placeholder:"URL" required:""`
	KeyFile  string `help:"File of the key of the server, unless it is in the data directory or in KNM_KEY."`
}

// Run copies a SQLite database into PostgreSQL. The server must not run.
func (c *copyCmd) Run(ctx context.Context, s streams) error {
	key := takeKey()
	done, err := web.CopyDatabase(ctx, c.Data, c.Database, web.KeySource{Text: key, File: c.KeyFile}, s.log())
	if err != nil {
		return err
	}
	rows := 0
	for _, t := range done.Tables {
		rows += t.Rows
		if err := say(s, fmt.Sprintf("%-16s %8d", t.Table, t.Rows)); err != nil {
			return err
		}
	}
	return say(s, fmt.Sprintf("Copied %d rows of %d tables, and counted them on both sides.", rows, len(done.Tables)),
		"Now start every replica with --database and this address, and "+keyFor(key, done.KeyFile)+".",
		"Do not start a server on "+c.Data+" again: it knows nothing of what happens in PostgreSQL, "+
			"and would go on with the same batches. Keep the directory as a backup.")
}

// keyFor says which key the replicas need.
func keyFor(text, file string) string {
	switch {
	case text != "":
		return "with KNM_KEY as it is here"
	case file != "":
		return "with a copy of the key " + file + " as --key-file"
	default:
		return "with one key for all of them in KNM_KEY or --key-file: make it with openssl rand -base64 32"
	}
}
