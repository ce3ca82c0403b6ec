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

// setupSetting holds the hash of the one-time code and, after a blank, the Unix
// second at which it expires.
const setupSetting = "setup_code_sha256"

// SetupCodeLife is how long a one-time code may be used: what a program printed
// stays readable in many places.
const SetupCodeLife = time.Hour

// SetupCode makes the one-time code that the first administrator has to show,
// when nobody who may sign in is one; otherwise needed is false. Whoever can read
// the program's output may set it up, nobody else. Only the code's hash is kept, so
// each start makes a new one and the code before it is void.
func (s *Service) SetupCode(ctx context.Context) (code string, needed bool, err error) {
	has, err := s.store.HasAdmin(ctx)
	if err != nil || has {
		return "", false, err
	}
	text := rand.Text()
	code = strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:20]}, "-") // 100 bits
	value := hashCode(code) + " " + strconv.FormatInt(s.now().Add(SetupCodeLife).Unix(), 10)
	if err := s.store.PutSetting(ctx, setupSetting, value); err != nil {
		return "", false, err
	}
	return code, true, nil
}

// CreateFirst makes the first administrator. When there is one already it is
// CodeConflict; a wrong code and wrong fields are CodeInvalid and named.
func (s *Service) CreateFirst(ctx context.Context, code, name, password string) (User, error) {
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

// hashCode forgives what happens to a code on its way through a terminal and a
// form: case, blanks, dashes.
func hashCode(code string) string {
	plain := strings.NewReplacer("-", "", " ", "", "\t", "", "\n", "", "\r", "").Replace(strings.ToUpper(code))
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}
