package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"kube-node-manager/services"
)

// setupSetting holds the hash of the one-time code.
const setupSetting = "setup_code_sha256"

// SetupCode makes the one-time code that the first administrator has to show,
// when there is no user yet; otherwise needed is false. Whoever can read the
// program's output may set it up, nobody else. Only the code's hash is kept, so
// each start makes a new one and the code before it is void.
func (s *Service) SetupCode(ctx context.Context) (code string, needed bool, err error) {
	has, err := s.store.HasUsers(ctx)
	if err != nil || has {
		return "", false, err
	}
	text := rand.Text()
	code = strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:20]}, "-") // 100 bits
	if err := s.store.PutSetting(ctx, setupSetting, hashCode(code)); err != nil {
		return "", false, err
	}
	return code, true, nil
}

// CreateFirst makes the first administrator. When there is a user already it is
// CodeConflict; a wrong code and wrong fields are CodeInvalid and named.
func (s *Service) CreateFirst(ctx context.Context, code, name, password string) (User, error) {
	if err := s.checkCode(ctx, code); err != nil {
		return User{}, err
	}
	u, err := s.prepare(ctx, name, password, services.RoleAdmin)
	if err != nil {
		return User{}, err
	}
	id, err := s.store.InsertFirstUser(ctx, u, setupSetting)
	if err != nil {
		return User{}, err
	}
	s.log.InfoContext(ctx, "made the first administrator", "user", name)
	return User{ID: id, Name: name, Role: services.RoleAdmin, Epoch: 1}, nil
}

func (s *Service) checkCode(ctx context.Context, code string) error {
	has, err := s.store.HasUsers(ctx)
	if err != nil {
		return err
	}
	if has {
		return services.Errorf(services.CodeConflict, "error_setup_done")
	}
	want, err := s.store.Setting(ctx, setupSetting)
	if err != nil && services.CodeOf(err) != services.CodeNotFound {
		return err
	}
	if err != nil || subtle.ConstantTimeCompare([]byte(hashCode(code)), []byte(want)) != 1 {
		return services.Invalid("code", "error_setup_code")
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
