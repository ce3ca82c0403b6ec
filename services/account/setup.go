package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// setupSetting holds the hash of the one-time code and, after a space, the Unix time
// in seconds at which the code expires.
const setupSetting = "setup_code_sha256"

// SetupCodeLife is how long a one-time code is valid. It is short because the output
// of a program is kept in many places.
const SetupCodeLife = time.Hour

// SetupCode creates the one-time code that is needed to create the first administrator,
// so that only those who can read the program's output can set it up. It returns
// needed = false when there is an administrator who can sign in, and when passwords that
// are kept here are refused: the administrator is then one by their groups.
//
// Only the hash of the code is stored, so each start creates a new code, and the code
// before it becomes void.
func (s *Service) SetupCode(ctx context.Context) (code string, needed bool, err error) {
	has, err := s.store.HasAdmin(ctx)
	if err != nil || has || s.noPasswords {
		return "", false, err
	}
	code = groupCode(rand.Text())
	value := hashCode(code) + " " + strconv.FormatInt(s.now().Add(SetupCodeLife).Unix(), 10)
	if err := s.store.PutSetting(ctx, setupSetting, value); err != nil {
		return "", false, err
	}
	return code, true, nil
}

// CreateFirst creates the first administrator.
//
// Errors: CodeConflict when there is one already; CodeInvalid names the wrong fields
// ("code", "name", "password"); CodeForbidden when passwords are refused.
func (s *Service) CreateFirst(ctx context.Context, code, name, password string) (User, error) {
	if s.noPasswords {
		return User{}, errNoPasswords()
	}
	if err := s.checkCode(ctx, code); err != nil {
		return User{}, err
	}
	u, err := s.prepare(ctx, name, password, services.RoleAdmin)
	if err != nil {
		return User{}, err
	}
	id, err := s.store.InsertFirstAdmin(ctx, u, setupSetting)
	if services.CodeOf(err) == services.CodeConflict && !errors.Is(err, store.ErrSetUp) {
		return User{}, nameTaken(u.Name)
	}
	if err != nil {
		return User{}, err
	}
	s.log.InfoContext(ctx, "Created the first administrator", "user", u.Name)
	return User{ID: id, Name: u.Name, Role: services.RoleAdmin, Epoch: 1}, nil
}

func (s *Service) checkCode(ctx context.Context, code string) error {
	has, err := s.store.HasAdmin(ctx)
	if err != nil {
		return err
	}
	if has {
		return services.NewError(services.CodeConflict, "error_setup_done")
	}
	value, err := s.store.Setting(ctx, setupSetting)
	if err != nil && services.CodeOf(err) != services.CodeNotFound {
		return err
	}
	want, end, _ := strings.Cut(value, " ")
	if err != nil || subtle.ConstantTimeCompare([]byte(hashCode(code)), []byte(want)) != 1 {
		return services.Invalid("code", "error_setup_code")
	}
	if until, err := strconv.ParseInt(end, 10, 64); err != nil || !s.now().Before(time.Unix(until, 0)) {
		return services.Invalid("code", "error_setup_code_expired")
	}
	return nil
}

// hashCode returns the hash of a code, ignoring what copying it from a terminal into
// a form may change: case, whitespace and dashes.
func hashCode(code string) string {
	plain := strings.NewReplacer("-", "", " ", "", "\t", "", "\n", "", "\r", "").Replace(strings.ToUpper(code))
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}
