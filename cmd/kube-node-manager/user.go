package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"kube-node-manager/web"
)

// dataFlag is the flag of the commands that work on the database.
type dataFlag struct {
	Data     string `help:"Directory of the database." default:"./data"`
	Database string `help:"PostgreSQL database in place of the file in --data." placeholder:"URL"`
}

// open opens the database for fn.
func (d dataFlag) open(ctx context.Context, s streams, fn func(*web.Admin) error) (err error) {
	admin, err := web.OpenAdmin(ctx, d.Database, d.Data, s.log())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close(context.WithoutCancel(ctx))) }()
	return fn(admin)
}

// log returns the log of a command, which has warnings only.
func (s streams) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add a user. The password is read from standard input."`
	List    userListCmd    `cmd:"" help:"List the users."`
	Passwd  userPasswdCmd  `cmd:"" help:"Change a password, read from standard input, and end the sessions and tokens."`
	Role    userRoleCmd    `cmd:"" help:"Change the role of a user, and the roles in single clusters."`
	Disable userDisableCmd `cmd:"" help:"Block a user until they are enabled again."`
	Enable  userEnableCmd  `cmd:"" help:"Let a disabled user sign in again."`
	NoCode  userNoCodeCmd  `cmd:"" name:"remove-factor" help:"Remove the second factor of a user who has lost it."`
	Delete  userDeleteCmd  `cmd:"" help:"Delete a user, their sessions and tokens. Their batches are kept."`
	Token   userTokenCmd   `cmd:"" help:"Create a bearer token for scripts and print it. It is shown only once."`
}

type userAddCmd struct {
	dataFlag
	Name  string   `arg:"" help:"Name of the user."`
	Role  string   `help:"What the user may do: ${enum}." enum:"none,viewer,user,admin" required:""`
	Grant []string `help:"Role in one cluster, \"prod: viewer\", or by label, \"env=staging: user\"." sep:"none"`
}

// Run adds a user.
func (c *userAddCmd) Run(ctx context.Context, s streams) error {
	password, err := readPassword(s)
	if err != nil {
		return err
	}
	return c.open(ctx, s, func(a *web.Admin) error {
		if err := a.AddUser(ctx, c.Name, password, c.Role, c.Grant); err != nil {
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
		tokens, err := a.SetPassword(ctx, c.Name, password)
		if err != nil {
			return err
		}
		return say(s, fmt.Sprintf("Changed the password of %s and ended all their sessions.", c.Name),
			plural(tokens, "token was revoked.", "tokens were revoked."))
	})
}

type userTokenCmd struct {
	dataFlag
	Name  string `arg:"" help:"Name of the user."`
	Label string `help:"What the token is for." default:"command line"`

	Expires  life     `help:"How long it is valid: a number of days or hours, like 90d or 12h, or never." default:"90d"`
	ReadOnly bool     `help:"The token may only see."`
	Cluster  []string `help:"The token is for this cluster only. May be repeated." sep:"none" placeholder:"NAME"`
}

// Run prints a new token and nothing else, so that a script can read it.
func (c *userTokenCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		token, err := a.CreateToken(ctx, c.Name, web.NewToken{
			Label: c.Label, Life: time.Duration(c.Expires), ReadOnly: c.ReadOnly, Clusters: c.Cluster,
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, token)
		return err
	})
}

// maxDays is more than a token may be valid, and less than a time.Duration can hold.
const maxDays = 36500

// life is how long a token is valid; 0 means forever.
type life time.Duration

// UnmarshalText accepts "never", a number of days such as 90d, and what
// time.ParseDuration accepts.
func (l *life) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*l = 0
		return nil
	}
	wrong := fmt.Errorf("%q: use a duration like 90d or 12h, or never", text)
	days, isDays := strings.CutSuffix(string(text), "d")
	if isDays {
		n, err := strconv.Atoi(days)
		if err != nil || n <= 0 || n > maxDays {
			return wrong
		}
		*l = life(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return wrong
	}
	*l = life(d)
	return nil
}

type backupCmd struct {
	dataFlag
	File string `arg:"" help:"File to write; it must not exist."`
}

// Run writes the copy of the database.
func (c *backupCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		if err := a.Backup(ctx, c.File); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "Wrote %s.\n", c.File)
		return err
	})
}

// readPassword reads one line from standard input. On a terminal it prints a prompt and
// does not echo the input.
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
