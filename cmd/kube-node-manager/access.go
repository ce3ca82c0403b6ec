package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"kube-node-manager/web"
)

type userListCmd struct {
	dataFlag
}

// Run lists the users.
func (c *userListCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		users, err := a.Users(ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "ROLE", "STATE", "CREATED", "LAST SIGN-IN", "SECOND FACTOR", "GRANTS"}}
		for _, u := range users {
			state, factor := "enabled", "no"
			if u.Disabled {
				state = "disabled"
			}
			if u.Factor {
				factor = "yes"
			}
			rows = append(rows, []string{
				u.Name, string(u.Role), state, timestamp(&u.CreatedAt), timestamp(u.LastLoginAt),
				factor, printable(cmp.Or(web.FormatGrants(u), "-")),
			})
		}
		return table(s, rows)
	})
}

type userDisableCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the user."`
}

// Run disables a user.
func (c *userDisableCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		held, err := a.DisableUser(ctx, c.Name)
		if err != nil {
			return err
		}
		return say(s, fmt.Sprintf("Disabled %s and ended all their sessions.", c.Name),
			plural(held.Tokens, "token does not work until user enable.", "tokens do not work until user enable."),
			unfinished(held.Batches))
	})
}

type userEnableCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the user."`
}

// Run enables a user.
func (c *userEnableCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		held, err := a.EnableUser(ctx, c.Name)
		if err != nil {
			return err
		}
		return say(s, fmt.Sprintf("Enabled %s.", c.Name),
			plural(held.Tokens, "token works again until it expires.", "tokens work again until they expire."))
	})
}

type userRoleCmd struct {
	dataFlag
	Name    string   `arg:"" help:"Name of the user."`
	Role    string   `arg:"" help:"What the user may do: ${enum}." enum:"none,viewer,user,admin"`
	Grant   []string `help:"Replace the grants by these: \"prod: viewer\", \"env=staging: user\"." sep:"none"`
	NoGrant bool     `help:"Take all grants away." name:"no-grants"`
}

// Run changes a role, and the grants if any are named.
func (c *userRoleCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		change := func() (web.Held, error) { return a.SetRole(ctx, c.Name, c.Role) }
		if len(c.Grant) > 0 || c.NoGrant {
			change = func() (web.Held, error) { return a.SetAccess(ctx, c.Name, c.Role, c.Grant) }
		}
		held, err := change()
		if err != nil {
			return err
		}
		return say(s, fmt.Sprintf("%s is %s from the next request on.", c.Name, c.Role), unfinished(held.Batches))
	})
}

type userNoCodeCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the user."`
}

// Run removes the second factor of a user.
func (c *userNoCodeCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		if err := a.RemoveFactor(ctx, c.Name); err != nil {
			return err
		}
		return say(s, fmt.Sprintf("Removed the second factor of %s and ended all their sessions.", c.Name))
	})
}

type userDeleteCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the user."`
}

// Run deletes a user.
func (c *userDeleteCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		held, err := a.DeleteUser(ctx, c.Name)
		if err != nil {
			return err
		}
		return say(s, fmt.Sprintf("Deleted %s and ended all their sessions.", c.Name),
			plural(held.Tokens, "token was revoked.", "tokens were revoked."), unfinished(held.Batches))
	})
}

type tokenCmd struct {
	List   tokenListCmd   `cmd:"" help:"List bearer tokens. The tokens themselves are not stored."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke bearer tokens, by their numbers in the list."`
}

type tokenListCmd struct {
	dataFlag
	User string `help:"Only the tokens of this user." placeholder:"NAME"`
}

// Run lists bearer tokens.
func (c *tokenListCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		tokens, err := a.Tokens(ctx, c.User)
		if err != nil {
			return err
		}
		rows := [][]string{{"NUMBER", "USER", "LABEL", "CREATED", "LAST USED", "EXPIRES", "LIMITS"}}
		for _, t := range tokens {
			expires := timestamp(t.ExpiresAt)
			switch {
			case t.ExpiresAt == nil:
				expires = "never"
			case t.Expired(time.Now()):
				expires += " (expired)"
			}
			rows = append(rows, []string{
				fmt.Sprint(t.ID), t.Owner, printable(t.Name), timestamp(&t.CreatedAt), timestamp(t.LastUsedAt), expires,
				tokenLimits(t),
			})
		}
		return table(s, rows)
	})
}

// tokenLimits says what a token may do less than its user.
func tokenLimits(t web.Token) string {
	var limits []string
	if t.ReadOnly {
		limits = append(limits, "read-only")
	}
	return printable(cmp.Or(strings.Join(append(limits, t.Clusters...), ", "), "-"))
}

type tokenRevokeCmd struct {
	dataFlag
	Numbers []int64 `arg:"" help:"Numbers of the tokens, from token list." name:"number"`
}

// Run revokes bearer tokens.
func (c *tokenRevokeCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		revoked, err := a.RevokeTokens(ctx, c.Numbers...)
		if err != nil {
			return err
		}
		for _, t := range revoked {
			if _, err := fmt.Fprintf(s.out, "Revoked token %d of %s, %q.\n", t.ID, t.Owner, t.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// say prints the sentences that are not empty on one line.
func say(s streams, sentences ...string) error {
	line := strings.Join(strings.Fields(strings.Join(sentences, " ")), " ")
	_, err := fmt.Fprintln(s.out, line)
	return err
}

// plural returns n with the text for one or many, or "" for 0.
func plural(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + one
	default:
		return fmt.Sprint(n, " ", many)
	}
}

// unfinished says how many batches of a user have not ended. The server stops those
// that the user may no longer run; they wait for somebody to resume or cancel them.
func unfinished(n int) string {
	return plural(n, "unfinished batch of theirs waits for somebody to resume or cancel it, unless they may still run it.",
		"unfinished batches of theirs wait for somebody to resume or cancel them, unless they may still run them.")
}

// table prints rows with aligned columns.
func table(s streams, rows [][]string) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// printable replaces the characters that control a terminal or the table.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, s)
}

// timestamp formats a time, or "-" for none.
func timestamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
