package web

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/audit"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// Admin does from the command line what needs no page. It works on the data
// directory itself, also while the program runs on it.
type Admin struct {
	store    *store.Store
	accounts *account.Service
	audit    *audit.Service
}

// OpenAdmin opens the data directory. Close it.
func OpenAdmin(ctx context.Context, data string, log *slog.Logger) (*Admin, error) {
	st, err := store.Open(ctx, data, log)
	if err != nil {
		return nil, err
	}
	return &Admin{store: st, accounts: account.New(st, log, time.Now), audit: audit.New(st, log, audit.Keep{}, time.Now)}, nil
}

// commandLine is who the audit log names. Whoever runs a command has the data
// directory, so there is nothing left to refuse. No user can have this name.
func commandLine(ctx context.Context) context.Context {
	return services.WithActor(ctx, services.Actor{Name: audit.CommandLine, Role: services.RoleAdmin})
}

// Close closes the data directory.
func (a *Admin) Close(ctx context.Context) error { return a.store.Close(ctx) }

// AddUser makes a user.
func (a *Admin) AddUser(ctx context.Context, name, password, role string) error {
	_, err := a.accounts.AddUser(commandLine(ctx), name, password, services.Role(role))
	return err
}

// SetPassword returns a user another password and ends all their logins and tokens;
// it returns how many tokens that were.
func (a *Admin) SetPassword(ctx context.Context, name, password string) (tokens int, err error) {
	return a.accounts.SetPassword(commandLine(ctx), name, password)
}

// Users returns every user, oldest first.
func (a *Admin) Users(ctx context.Context) ([]account.Listed, error) {
	return a.accounts.Users(commandLine(ctx))
}

// DisableUser takes a user's access away until EnableUser.
func (a *Admin) DisableUser(ctx context.Context, name string) (account.Held, error) {
	return a.accounts.Disable(commandLine(ctx), name)
}

// EnableUser lets a disabled user in again.
func (a *Admin) EnableUser(ctx context.Context, name string) (account.Held, error) {
	return a.accounts.Enable(commandLine(ctx), name)
}

// SetRole returns a user another role.
func (a *Admin) SetRole(ctx context.Context, name, role string) (account.Held, error) {
	return a.accounts.SetRole(commandLine(ctx), name, services.Role(role))
}

// DeleteUser deletes a user with their tokens and login sessions.
func (a *Admin) DeleteUser(ctx context.Context, name string) (account.Held, error) {
	id, held, err := a.accounts.Delete(commandLine(ctx), name)
	if err != nil {
		return account.Held{}, err
	}
	// They are void already; this is so that nothing is left of them.
	_, err = a.store.DeleteSessions(ctx, func(data []byte) bool { return sessionUser(data) == id })
	return held, err
}

// NewToken makes a bearer token for a user that works for so long, 0 for ever.
func (a *Admin) NewToken(ctx context.Context, user, label string, life time.Duration) (string, error) {
	return a.accounts.NewToken(commandLine(ctx), user, label, life)
}

// Tokens returns the tokens of a user, or with "" those of everybody.
func (a *Admin) Tokens(ctx context.Context, user string) ([]account.Token, error) {
	return a.accounts.Tokens(commandLine(ctx), user)
}

// RevokeTokens ends tokens, all of them or none.
func (a *Admin) RevokeTokens(ctx context.Context, ids ...int64) ([]account.Token, error) {
	return a.accounts.RevokeTokens(commandLine(ctx), ids...)
}

// Backup writes a copy of the database into a new file. Once it is written the
// audit log says so; the copy itself does not know of it.
func (a *Admin) Backup(ctx context.Context, file string) error {
	if err := a.store.Backup(ctx, file); err != nil {
		return err
	}
	return a.audit.Export(commandLine(ctx), store.ActionBackup, "", filepath.Base(file))
}

// Explain gives an error in words for a terminal, on one line: what is meant
// for a person is translated, the rest is as it is.
func Explain(ctx context.Context, err error) string {
	text := err.Error()
	if services.AsError(err).Err == nil || services.CodeOf(err) != services.CodeInternal {
		text = explainProblem(ui.NewProblem(ctx, err))
	}
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' }), "; ")
}

func explainProblem(p *ui.Problem) string {
	if len(p.Fields) == 0 {
		return strings.TrimSpace(p.Text + " " + p.Hint)
	}
	var parts []string
	for _, field := range []string{"name", "password", "role", "label", "expires"} {
		if text := p.Field(field); text != "" {
			parts = append(parts, field+": "+text)
		}
	}
	return strings.Join(parts, "; ")
}
