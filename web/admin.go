package web

import (
	"context"
	"log/slog"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/store"
	"kube-node-manager/views"
)

// Admin does from the command line what needs no page. It works on the data
// directory itself, also while the program runs on it.
type Admin struct {
	store    *store.Store
	accounts *account.Service
}

// OpenAdmin opens the data directory. Close it.
func OpenAdmin(ctx context.Context, data string, log *slog.Logger) (*Admin, error) {
	st, err := store.Open(ctx, data, log)
	if err != nil {
		return nil, err
	}
	return &Admin{store: st, accounts: account.New(st, log)}, nil
}

// Close closes the data directory.
func (a *Admin) Close(ctx context.Context) error { return a.store.Close(ctx) }

// AddUser makes a user.
func (a *Admin) AddUser(ctx context.Context, name, password, role string) error {
	_, err := a.accounts.AddUser(ctx, name, password, services.Role(role))
	return err
}

// SetPassword gives a user another password and ends all their logins.
func (a *Admin) SetPassword(ctx context.Context, name, password string) error {
	return a.accounts.SetPassword(ctx, name, password)
}

// NewToken makes a bearer token for a user.
func (a *Admin) NewToken(ctx context.Context, user, label string) (string, error) {
	return a.accounts.NewToken(ctx, user, label)
}

// Backup writes a copy of the database into a new file.
func (a *Admin) Backup(ctx context.Context, file string) error { return a.store.Backup(ctx, file) }

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
