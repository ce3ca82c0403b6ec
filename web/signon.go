package web

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"kube-node-manager/handlers"
	"kube-node-manager/services/account"
	"kube-node-manager/services/ldap"
	"kube-node-manager/services/oidc"
	"kube-node-manager/views/ui"
)

// ldapTimeout limits each step of a sign-in at the directory.
const ldapTimeout = 5 * time.Second

// signOn sets up the ways to sign in without a password that is kept here.
func (a *App) signOn(ctx context.Context, e *edge) error {
	groups, err := account.ParseGroups(a.options.GroupRoles)
	if err != nil {
		return err
	}
	if !a.options.LocalLogin {
		e.accounts.RefusePasswords()
	}
	e.ways = handlers.Ways{
		Passwords: a.options.LocalLogin || a.options.usesLDAP(), Name: a.options.OIDCName,
	}
	if a.options.usesLDAP() {
		if err := a.signOnWithLDAP(e, groups); err != nil {
			return err
		}
	}
	if a.options.usesOIDC() {
		return a.signOnWithOIDC(ctx, e, groups)
	}
	return nil
}

func (a *App) signOnWithOIDC(ctx context.Context, e *edge, groups account.Groups) error {
	secret, err := a.options.OIDCClient.Read("oidc-client-secret", a.log)
	if err != nil {
		return err
	}
	roots, err := readRoots("oidc-ca-file", a.options.OIDCCAFile)
	if err != nil {
		return err
	}
	client, err := oidc.New(oidc.Config{
		Issuer: a.options.OIDCIssuer, Internal: a.options.OIDCInternal,
		ClientID: a.options.OIDCClientID, ClientSecret: secret,
		Callback: a.options.callback(), SignedOut: a.options.publicPage(ui.SignInURL),
		Roots: roots, Scopes: strings.Fields(a.options.OIDCScopes),
		NameClaim: a.options.OIDCUser, GroupsClaim: a.options.OIDCGroups,
		Log: a.log, Now: a.options.clock(),
	})
	if err != nil {
		return err
	}
	a.cleanups.push("close the connections to the identity provider", stopRest, withoutError(client.Close))
	a.inBackground(ctx, "stop to look for the identity provider", client.Run)
	e.ways.Provider = identityProvider{client, groups, a.log}
	return nil
}

// identityProvider is oidc.Client with the roles that its groups give.
type identityProvider struct {
	*oidc.Client
	groups account.Groups
	log    *slog.Logger
}

// Finish returns who has signed in, and the id_token.
func (p identityProvider) Finish(
	ctx context.Context, a oidc.Attempt, got oidc.Answer,
) (id account.Identity, idToken string, err error) {
	who, err := p.Client.Finish(ctx, a, got)
	if err != nil {
		return account.Identity{}, "", err
	}
	same := func(a, b string) bool { return a == b }
	id = account.Identity{Issuer: who.Issuer, Subject: who.Subject, Name: who.Name, Groups: who.Groups}
	id.Role, id.Grants = p.groups.Access(who.Groups, same)
	p.log.DebugContext(ctx, "The identity provider vouches for a person",
		"user", id.Name, "groups", who.Groups, "role", id.Role, "grants", len(id.Grants))
	return id, who.IDToken, nil
}

func (a *App) signOnWithLDAP(e *edge, groups account.Groups) error {
	password, err := a.options.LDAPBind.Read("ldap-bind-secret", a.log)
	if err != nil {
		return err
	}
	roots, err := readRoots("ldap-ca-file", a.options.LDAPCAFile)
	if err != nil {
		return err
	}
	client := ldap.New(ldap.Config{
		Servers: a.options.LDAPServers, StartTLS: a.options.LDAPStartTLS, Roots: roots,
		BindDN: a.options.LDAPBindDN, BindPassword: password,
		UserBase: a.options.LDAPUserBase, UserFilter: a.options.LDAPUserFilter, NameField: a.options.LDAPUserField,
		GroupBase: a.options.LDAPGroupBase, GroupFilter: a.options.LDAPGroupFilter,
		Timeout: ldapTimeout, Log: a.log,
	})
	e.accounts.UseDirectory(directory{client, groups, a.log})
	return nil
}

// directory is ldap.Directory with the roles that its groups give.
type directory struct {
	*ldap.Directory
	groups account.Groups
	log    *slog.Logger
}

// SignIn implements account.Directory.
func (d directory) SignIn(ctx context.Context, name, password string) (account.Identity, error) {
	who, err := d.Directory.SignIn(ctx, name, password)
	if err != nil {
		return account.Identity{}, err
	}
	id := account.Identity{Issuer: who.Issuer, Subject: who.Subject, Name: who.Name, Groups: who.Groups}
	id.Role, id.Grants = d.groups.Access(who.Groups, ldap.SameGroup)
	d.log.DebugContext(ctx, "The directory vouches for a person",
		"user", id.Name, "groups", strings.Join(who.Groups, "; "), "role", id.Role, "grants", len(id.Grants))
	return id, nil
}
