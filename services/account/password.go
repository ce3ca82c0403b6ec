package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// params returns OWASP's minimum for argon2id; one hash takes about 50 ms. The
// parameters are written out because the library's defaults depend on the number of
// CPU cores.
func params() argon2id.Params {
	return argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// hash waits in the queue and returns the hash of the password.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	leave, err := s.queue.enter(ctx)
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

// matches waits in the queue and reports whether the hash is that of the password, and
// whether the hash was made with other parameters than those of params.
func (s *Service) matches(ctx context.Context, password, hash string) (ok, outdated bool, err error) {
	leave, err := s.queue.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	ok, had, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("check the password: %w", err)
	}
	return ok, *had != params(), nil
}

// dummyHash returns a hash with the present parameters that matches no password.
// Checking it for unknown names takes as long as checking the hash of a user.
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
