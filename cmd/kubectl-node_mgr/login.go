package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// loginOptions are the flags of login.
type loginOptions struct {
	browser, noBrowser, withToken bool
	days                          int
	readOnly                      bool
}

func (a *app) loginCommand() *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use: "login [SERVER]", Short: "Sign in to a server, in the browser or with a token", Args: atMost(1),
		Long: "Signs in in the browser by whatever way the server has, and stores the token that it returns in a\n" +
			"file that only you can read. Without a browser, as in ssh, it shows an address to open elsewhere, and\n" +
			"asks for the code that the page shows. With --with-token, or if the standard input is not a terminal,\n" +
			"it reads a token that was made on the page of your account. With --cluster, that cluster is used when\n" +
			"a command names none.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.takeServer(args); err != nil {
				return err
			}
			return a.login(c.Context(), o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.browser, "browser", false, "sign in in the browser also if the standard input is not a terminal")
	f.BoolVar(&o.noBrowser, "no-browser", false, "show the address, and ask for the code that its page shows")
	f.BoolVar(&o.withToken, "with-token", false, "read a token from the terminal or the standard input")
	f.IntVar(&o.days, "days", 30, "days that the token of the browser is to be valid")
	f.BoolVar(&o.readOnly, "read-only", false, "ask for a token that can change nothing")
	c.MarkFlagsMutuallyExclusive("browser", "no-browser", "with-token")
	return c
}

// takeServer takes the server from the arguments. Without a scheme it is https.
func (a *app) takeServer(args []string) error {
	if len(args) == 0 {
		return nil
	}
	named := args[0]
	if !strings.Contains(named, "://") {
		named = "https://" + named
	}
	if a.server != "" && a.server != named {
		return refuse("two servers are given: %q and --server %q", clean(named), clean(a.server))
	}
	a.server = named
	return nil
}

func (a *app) login(ctx context.Context, o loginOptions) error {
	server, _, err := a.chooseServer()
	if err != nil {
		return err
	}
	token, err := a.givenToken()
	if err != nil {
		return err
	}
	if token == "" && (o.browser || o.noBrowser || a.asks && !o.withToken) {
		return a.loginByBrowser(ctx, server, o)
	}
	if token == "" {
		token, err = a.readToken()
		if err != nil {
			return err
		}
	}
	c, err := newClient(server, token, a.authority)
	if err != nil {
		return err
	}
	user, err := c.user(ctx)
	if err != nil {
		return err
	}
	_, err = a.keep(server, redeemed{Token: token, User: user})
	return err
}

// loginByBrowser signs in in the browser. The token of an earlier sign-in in the browser
// is revoked, because nobody would use it again.
func (a *app) loginByBrowser(ctx context.Context, server string, o loginOptions) error {
	c, err := newClient(server, "", a.authority)
	if err != nil {
		return err
	}
	if _, err := c.get(ctx, "/version", nil, nil); err != nil {
		return err // before a browser shows something else
	}
	got, err := a.browse(ctx, newSignIn(c, o))
	if err != nil {
		return err
	}
	earlier, err := a.keep(server, got)
	if err != nil || earlier == "" {
		return err
	}
	c.token = earlier
	_ = c.revokeToken(ctx) // it may have expired
	return nil
}

// keep stores the token of a server. It returns the one that a browser has brought before,
// "" for none.
func (a *app) keep(server string, got redeemed) (earlier string, err error) {
	kept, err := a.readStore()
	if err != nil {
		return "", err
	}
	_, known := kept.Expires[server]
	if known && kept.Tokens[server] != got.Token {
		earlier = kept.Tokens[server]
	}
	delete(kept.Expires, server)
	until := ""
	if !got.ExpiresAt.IsZero() {
		kept.Expires[server] = got.ExpiresAt
		until = " until " + got.ExpiresAt.Local().Format(time.DateOnly)
	}
	kept.Server, kept.Cluster, kept.Tokens[server] = server, a.cluster, got.Token
	path, err := a.writeStore(kept)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(a.out, "Signed in to %s as %s%s. The token is in %s\n", clean(server), got.User, until, path)
	return earlier, err
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
		return "", refuse("no token was given on the standard input; --browser signs in without one")
	}
	return token, nil
}
