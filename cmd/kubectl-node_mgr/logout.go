package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) logoutCommand() *cobra.Command {
	var local bool
	c := &cobra.Command{
		Use: "logout [SERVER]", Short: "Revoke the stored token of a server and remove it", Args: atMost(1),
		Long: "Revokes the token at the server, and removes it from this machine. Where others use the same token,\n" +
			"--local only removes it here.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.takeServer(args); err != nil {
				return err
			}
			return a.logout(c.Context(), local)
		},
	}
	c.Flags().BoolVar(&local, "local", false, "remove the token from this machine only; it stays valid")
	return c
}

func (a *app) logout(ctx context.Context, local bool) error {
	server, kept, err := a.chooseServer()
	if err != nil {
		return err
	}
	token, known := kept.Tokens[server]
	if !known {
		return refuse("there is no stored sign-in for %q", clean(server))
	}
	if !local {
		c, err := newClient(server, token, a.authority)
		if err != nil {
			return err
		}
		if err := c.revokeToken(ctx); err != nil {
			return fmt.Errorf("the token is not revoked, and still stored (--local removes it from this machine only): %w", err)
		}
	}
	delete(kept.Tokens, server)
	delete(kept.Expires, server)
	if kept.Server == server {
		kept.Server, kept.Cluster = "", ""
	}
	if _, err := a.writeStore(kept); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "Signed out of %s\n", clean(server))
	return err
}

// revokeToken revokes the token of the client. One that is not valid any more is no error.
func (c *client) revokeToken(ctx context.Context) error {
	_, err := c.post(ctx, "/profile/tokens/this/revoke", url.Values{}, nil)
	var said *problem
	if errors.As(err, &said) && said.status == http.StatusUnauthorized {
		return nil
	}
	return err
}
