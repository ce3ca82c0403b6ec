package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// params are OWASP's minimum for argon2id, about 50 ms here. They are spelled
// out because the library's defaults depend on the machine's cores.
func params() argon2id.Params {
	return argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// hash waits for a place and hashes the password.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	leave, err := s.line.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	p := params()
	hash, err := argon2id.CreateHash(password, &p)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return hash, nil
}

// fits waits for a place and reports whether the password has that hash, and
// whether the hash was made with other parameters than today's.
func (s *Service) fits(ctx context.Context, password, hash string) (fits, old bool, err error) {
	leave, err := s.line.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	fits, had, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("check the password: %w", err)
	}
	return fits, *had != params(), nil
}

// dummyHash gives a hash of today's parameters that fits no password. Checking
// it for names that do not exist takes as long as for those that do.
func dummyHash() string {
	p := params()
	random := func(n uint32) string {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		return base64.RawStdEncoding.EncodeToString(b)
	}
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
		p.Memory, p.Iterations, p.Parallelism, random(p.SaltLength), random(p.KeyLength))
}
