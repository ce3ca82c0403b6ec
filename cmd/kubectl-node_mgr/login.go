package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (a *app) loginCommand() *cobra.Command {
	return &cobra.Command{
		Use: "login", Short: "Check a token and store it for this user", Args: atMost(0),
		Long: "Reads a token from the terminal or the standard input, checks it with the server, and stores it\n" +
			"in a file that only you can read. A token is made on the page of one's own account. With --cluster,\n" +
			"that cluster is used when a command names none.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.login(c.Context()) },
	}
}

func (a *app) login(ctx context.Context) error {
	cluster := a.cluster
	token, err := a.givenToken()
	if err != nil {
		return err
	}
	if token == "" {
		token, err = a.readToken()
		if err != nil {
			return err
		}
	}
	a.token = token
	if err := a.connect(); err != nil {
		return err
	}
	user, err := a.client.user(ctx)
	if err != nil {
		return err
	}
	kept, err := a.readStore()
	if err != nil {
		return err
	}
	kept.Server, kept.Cluster, kept.Tokens[a.client.server] = a.client.server, cluster, token
	path, err := a.writeStore(kept)
	if err == nil {
		_, err = fmt.Fprintf(a.out, "Signed in to %s as %s. The token is in %s\n", a.client.server, user, path)
	}
	return err
}

// user returns the name of the token's owner.
func (c *client) user(ctx context.Context) (text, error) {
	var own struct{ User struct{ Name text } }
	_, err := c.get(ctx, "/profile", nil, &own)
	return own.User.Name, err
}

// readToken reads a line; a terminal does not show it.
func (a *app) readToken() (string, error) {
	var token string
	if in, ok := a.in.(*os.File); ok && a.asks {
		_, _ = fmt.Fprint(a.err, "Token: ")
		raw, err := term.ReadPassword(int(in.Fd()))
		_, _ = fmt.Fprintln(a.err)
		if err != nil {
			return "", refuse("the token cannot be read: %v", err)
		}
		token = string(raw)
	} else {
		token, _ = a.lines().ReadString('\n')
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return "", refuse("no token was given")
	}
	return token, nil
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Remove the stored token of a server", Args: atMost(0),
		Long: "Removes the token from this machine. It stays valid: revoke it on the page of your account if\n" +
			"somebody else may have it.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return a.logout() },
	}
}

func (a *app) logout() error {
	kept, err := a.readStore()
	if err != nil {
		return err
	}
	server := strings.TrimRight(first(a.server, a.env(envServer), kept.Server), "/")
	if _, known := kept.Tokens[server]; !known {
		return refuse("there is no stored sign-in for %q", clean(server))
	}
	delete(kept.Tokens, server)
	if kept.Server == server {
		kept.Server, kept.Cluster = "", ""
	}
	if _, err := a.writeStore(kept); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "Signed out of %s\n", clean(server))
	return err
}
