package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"kube-node-manager/web"
)

// dataFlag is the data directory of a command that works beside the program.
type dataFlag struct {
	Data string `help:"Directory of the database." default:"./data"`
}

// open opens the data directory for fn.
func (d dataFlag) open(ctx context.Context, s streams, fn func(*web.Admin) error) (err error) {
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	admin, err := web.OpenAdmin(ctx, d.Data, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close(context.WithoutCancel(ctx))) }()
	return fn(admin)
}

type userCmd struct {
	Add    userAddCmd    `cmd:"" help:"Add a user. The password is read from standard input."`
	Passwd userPasswdCmd `cmd:"" help:"Change a user's password and end their logins. It is read from standard input."`
	Token  userTokenCmd  `cmd:"" help:"Make a bearer token for scripts and print it. It is shown only now."`
}

type userAddCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the user."`
	Role string `help:"What the user may do: ${enum}." enum:"viewer,user,admin" required:""`
}

// Run adds a user.
func (c *userAddCmd) Run(ctx context.Context, s streams) error {
	password, err := readPassword(s)
	if err != nil {
		return err
	}
	return c.open(ctx, s, func(a *web.Admin) error {
		if err := a.AddUser(ctx, c.Name, password, c.Role); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "Added %s as %s.\n", c.Name, c.Role)
		return err
	})
}

type userPasswdCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the user."`
}

// Run changes a password.
func (c *userPasswdCmd) Run(ctx context.Context, s streams) error {
	password, err := readPassword(s)
	if err != nil {
		return err
	}
	return c.open(ctx, s, func(a *web.Admin) error {
		if err := a.SetPassword(ctx, c.Name, password); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "Changed the password of %s.\n", c.Name)
		return err
	})
}

type userTokenCmd struct {
	dataFlag
	Name  string `arg:"" help:"Name of the user."`
	Label string `help:"What the token is for." default:"command line"`
}

// Run prints a new token, alone on its line, so that a script can take it.
func (c *userTokenCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		token, err := a.NewToken(ctx, c.Name, c.Label)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, token)
		return err
	})
}

type backupCmd struct {
	dataFlag
	File string `arg:"" help:"File to write; it must not exist."`
}

// Run writes the copy.
func (c *backupCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		if err := a.Backup(ctx, c.File); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "Wrote %s.\n", c.File)
		return err
	})
}

// readPassword reads one line: from a terminal without showing it, from a pipe
// as it is.
func readPassword(s streams) (string, error) {
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprint(s.err, "Password: ")
		password, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(s.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(password), nil
	}
	line, err := bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
