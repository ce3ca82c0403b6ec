package web

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/audit"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/notify"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// Admin manages users, tokens and backups from the command line. It works directly on the
// database, also while the program is running.
type Admin struct {
	store    *store.Store
	accounts *account.Service
	audit    *audit.Service
}

// OpenAdmin opens the PostgreSQL database with an address, or, for "", the database in the
// directory data. The caller must close the Admin.
func OpenAdmin(ctx context.Context, address, data string, log *slog.Logger) (*Admin, error) {
	st, err := openDatabase(ctx, address, data, log)
	if err != nil {
		return nil, err
	}
	return &Admin{
		store: st, accounts: account.New(st, log, time.Now, noLabels), audit: audit.New(st, log, audit.Keep{}, time.Now),
	}, nil
}

// What the commands need of the services.
type (
	NewToken = account.NewToken
	Token    = account.Token
	Held     = account.Held
)

// FormatGrants returns the grants of a user as the commands take them.
func FormatGrants(u account.Listed) string { return account.FormatGrants(u.Grants) }

// noLabels is for commands, which do not know the clusters of the server: they give and
// take grants but do not use them.
func noLabels() map[string]map[string]string { return nil }

// commandLine returns a context whose actor is the command line. It may do everything,
// because whoever runs a command has access to the database anyway.
func commandLine(ctx context.Context) context.Context {
	return services.WithActor(ctx, services.Actor{Name: audit.CommandLine, Role: services.RoleAdmin})
}

// Close closes the database.
func (a *Admin) Close(ctx context.Context) error { return a.store.Close(ctx) }

// AddUser adds a user.
func (a *Admin) AddUser(ctx context.Context, name, password, role string, grants []string) error {
	parsed, err := account.ParseGrants(grants)
	if err != nil {
		return err
	}
	_, err = a.accounts.AddUser(commandLine(ctx), name, password, services.Role(role), parsed...)
	return err
}

// SetAccess changes the role and the grants of a user; each grant is like
// "prod: viewer".
func (a *Admin) SetAccess(ctx context.Context, name, role string, grants []string) (account.Held, error) {
	parsed, err := account.ParseGrants(grants)
	if err != nil {
		return account.Held{}, err
	}
	return a.accounts.SetAccess(commandLine(ctx), name, services.Role(role), parsed)
}

// SetPassword changes the password of a user, ends all login sessions of the user and
// revokes all tokens. It returns the number of revoked tokens.
func (a *Admin) SetPassword(ctx context.Context, name, password string) (tokens int, err error) {
	return a.accounts.SetPassword(commandLine(ctx), name, password)
}

// Users returns every user, oldest first.
func (a *Admin) Users(ctx context.Context) ([]account.Listed, error) {
	return a.accounts.Users(commandLine(ctx))
}

// DisableUser blocks a user until EnableUser.
func (a *Admin) DisableUser(ctx context.Context, name string) (account.Held, error) {
	return a.accounts.Disable(commandLine(ctx), name)
}

// EnableUser lets a disabled user sign in again.
func (a *Admin) EnableUser(ctx context.Context, name string) (account.Held, error) {
	return a.accounts.Enable(commandLine(ctx), name)
}

// SetRole changes the role of a user.
func (a *Admin) SetRole(ctx context.Context, name, role string) (account.Held, error) {
	return a.accounts.SetRole(commandLine(ctx), name, services.Role(role))
}

// DeleteUser deletes a user, their tokens and their login sessions.
func (a *Admin) DeleteUser(ctx context.Context, name string) (account.Held, error) {
	id, held, err := a.accounts.Delete(commandLine(ctx), name)
	if err != nil {
		return account.Held{}, err
	}
	// The sessions are void already. This only removes their data.
	_, err = a.store.DeleteSessions(ctx, func(_ string, data []byte) bool { return sessionUser(data) == id })
	return held, err
}

// RemoveFactor removes the second factor of a user.
func (a *Admin) RemoveFactor(ctx context.Context, name string) error {
	return a.accounts.RemoveFactor(commandLine(ctx), name)
}

// CreateToken creates a bearer token for a user.
func (a *Admin) CreateToken(ctx context.Context, user string, token account.NewToken) (string, error) {
	return a.accounts.CreateToken(commandLine(ctx), user, token)
}

// Tokens returns the tokens of a user, or those of all users for "".
func (a *Admin) Tokens(ctx context.Context, user string) ([]account.Token, error) {
	return a.accounts.Tokens(commandLine(ctx), user)
}

// RevokeTokens revokes either all of the given tokens or none, and returns them.
func (a *Admin) RevokeTokens(ctx context.Context, ids ...int64) ([]account.Token, error) {
	return a.accounts.RevokeTokens(commandLine(ctx), ids...)
}

// Backup writes a copy of the database to a new file. Then it records the backup in the
// audit log, which the copy does not contain.
func (a *Admin) Backup(ctx context.Context, file string) error {
	if err := a.store.Backup(ctx, file); err != nil {
		return err
	}
	return a.audit.Export(commandLine(ctx), store.ActionBackup, "", filepath.Base(file))
}

// RotateKey encrypts all secrets in the database under the key in the file next, which is
// created if it does not exist, and returns their numbers. The current key is that of
// text, of file or of the data directory; see seal.Load. It is an error while the server
// runs, which has the current key.
func (a *Admin) RotateKey(ctx context.Context, text, file, data, next string) (store.Rewrapped, error) {
	if err := a.store.Claim(ctx); err != nil {
		return store.Rewrapped{}, err
	}
	from, _, err := seal.Load(text, file, data)
	if err != nil {
		return store.Rewrapped{}, err
	}
	to, err := seal.ReadFile(next)
	if errors.Is(err, fs.ErrNotExist) {
		to, err = seal.CreateFile(next)
	}
	if err != nil {
		return store.Rewrapped{}, err
	}
	return a.store.RewrapSecrets(commandLine(ctx), cluster.Rewrap(from, to), account.RewrapFactor(from, to),
		notify.Rewrap(from, to))
}

// Explain returns the text of an error for a terminal, on one line. It translates domain
// errors, and leaves other errors as they are.
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
	for _, field := range []string{"name", "password", "role", "grants", "label", "expires", "clusters"} {
		if text := p.Field(field); text != "" {
			parts = append(parts, field+": "+text)
		}
	}
	return strings.Join(parts, "; ")
}
