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
	"kube-node-manager/views"
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
	return &Admin{store: st, accounts: account.New(st, log), audit: audit.New(st, log, audit.Keep{}, time.Now)}, nil
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

// SetPassword gives a user another password and ends all their logins.
func (a *Admin) SetPassword(ctx context.Context, name, password string) error {
	return a.accounts.SetPassword(commandLine(ctx), name, password)
}

// NewToken makes a bearer token for a user.
func (a *Admin) NewToken(ctx context.Context, user, label string) (string, error) {
	return a.accounts.NewToken(commandLine(ctx), user, label)
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
		text = explainProblem(views.NewProblem(ctx, err))
	}
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' }), "; ")
}

func explainProblem(p *views.Problem) string {
	if len(p.Fields) == 0 {
		return p.Text
	}
	var parts []string
	for _, field := range []string{"name", "password", "role", "label"} {
		if text := p.Field(field); text != "" {
			parts = append(parts, field+": "+text)
		}
	}
	return strings.Join(parts, "; ")
}
