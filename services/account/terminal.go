package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"kube-node-manager/services"
)

// How a program in a terminal gets a token without a password: its user confirms the
// request in a browser, where they are signed in, and the browser or the user hands a code
// to the program, which redeems it. Only the program that began can: the request has the
// hash of a secret that it shows with the code (RFC 7636).

const (
	// TerminalCodeLife is how long a code is valid that the browser hands over.
	TerminalCodeLife = time.Minute
	// TypedCodeLife is how long a code is valid that a person copies.
	TypedCodeLife = 5 * time.Minute
	// terminalCodes is how many codes of one user are valid at the same time.
	terminalCodes = 5
)

// TerminalRequest is a request for a token.
type TerminalRequest struct {
	Challenge string   // the hash of the program's secret: S256 of RFC 7636
	Token     NewToken // it must end
	Typed     bool     // a person copies the code
}

// TerminalToken is a token of a program in a terminal.
type TerminalToken struct {
	Secret  string
	User    string // the name of its user
	Label   string
	Expires time.Time
}

// A terminalCode is a code that was not redeemed yet.
type terminalCode struct {
	hash    [sha256.Size]byte
	request TerminalRequest
	user    int64
	epoch   int64 // of the user when they confirmed
	ends    time.Time
}

// terminals holds the codes. They are in memory: the one replica that works answers all
// requests, and a code that is lost by a restart costs its user a second click.
type terminals struct {
	mu    sync.Mutex
	codes []terminalCode // the oldest first
}

// add keeps a code, and drops those that are over and what is too many of one user.
func (t *terminals) add(one terminalCode, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codes = slices.DeleteFunc(t.codes, func(old terminalCode) bool { return !now.Before(old.ends) })
	own := func(old terminalCode) bool { return old.user == one.user }
	count := 0
	for _, old := range t.codes {
		if own(old) {
			count++
		}
	}
	if count >= terminalCodes {
		first := slices.IndexFunc(t.codes, own)
		t.codes = slices.Delete(t.codes, first, first+1)
	}
	t.codes = append(t.codes, one)
}

// take removes a code and returns it.
func (t *terminals) take(hash [sha256.Size]byte) (one terminalCode, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.codes, func(c terminalCode) bool {
		return subtle.ConstantTimeCompare(c.hash[:], hash[:]) == 1
	})
	if i < 0 {
		return terminalCode{}, false
	}
	one = t.codes[i]
	t.codes = slices.Delete(t.codes, i, i+1)
	return one, true
}

// challengePattern is a SHA-256 in base64url, and verifierPattern what RFC 7636 allows as
// the secret.
var (
	challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	verifierPattern  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
)

// AllowTerminal returns a code with which a program gets a token of the actor, who has
// confirmed that in a browser.
//
// Errors: CodeForbidden for a request with a token; CodeUnauthenticated for a user who is
// gone; CodeInvalid names the wrong fields ("code_challenge", and those of CreateToken).
func (s *Service) AllowTerminal(ctx context.Context, r TerminalRequest) (code string, err error) {
	u, err := s.inSession(ctx)
	if err != nil {
		return "", err
	}
	if err := r.check(); err != nil {
		return "", err
	}
	life := TerminalCodeLife
	if r.Typed {
		life = TypedCodeLife
	}
	code = groupCode(rand.Text())
	now := s.now()
	s.terminals.add(terminalCode{
		hash: terminalHash(code), request: r, user: u.ID, epoch: u.AuthEpoch, ends: now.Add(life),
	}, now)
	s.log.InfoContext(ctx, "Allowed a terminal to get a token", "user", u.Name, "token", r.Token.Label)
	return code, nil
}

// IsChallenge reports whether a text can be the challenge of a request.
func IsChallenge(text string) bool { return challengePattern.MatchString(text) }

func (r *TerminalRequest) check() error {
	var wrong services.FieldErrors
	if !IsChallenge(r.Challenge) {
		wrong.Add("code_challenge", "error_terminal_challenge")
	}
	wrong.Append(r.Token.check())
	if r.Token.Life == 0 {
		wrong.Add("expires", "error_terminal_forever")
	}
	return wrong.Err()
}

// RedeemTerminal creates the token of a code, for the program whose secret is verifier. A
// code works once, whether or not the secret is right. The actor of ctx has the address of
// the program and is nobody yet.
//
// Errors: CodeInvalid names "code" or "code_verifier"; CodeUnauthenticated for a user who
// is gone or disabled, and for one whose sessions have all ended since.
func (s *Service) RedeemTerminal(ctx context.Context, code, verifier string) (TerminalToken, error) {
	one, found := s.terminals.take(terminalHash(code))
	if !found || !s.now().Before(one.ends) {
		return TerminalToken{}, services.Invalid("code", "error_terminal_code")
	}
	if !verifierPattern.MatchString(verifier) || !answers(one.request.Challenge, verifier) {
		return TerminalToken{}, services.Invalid("code_verifier", "error_terminal_verifier")
	}
	u, err := s.ByID(ctx, one.user)
	if err == nil && u.Epoch != one.epoch {
		err = services.NewError(services.CodeUnauthenticated, "error_unauthenticated")
	}
	if err != nil {
		return TerminalToken{}, err
	}
	client := services.ActorFrom(ctx)
	ctx = services.WithActor(ctx, u.Actor(client.Address, client.RequestID))
	secret, row, err := s.addToken(ctx, u.ID, u.Name, one.request.Token)
	if err != nil {
		return TerminalToken{}, err
	}
	return TerminalToken{Secret: secret, User: u.Name, Label: row.Name, Expires: *row.ExpiresAt}, nil
}

// answers reports whether a challenge was made from a verifier.
func answers(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}

// groupCode returns 20 characters of a random text, which are 100 bits, in groups that
// people can read.
func groupCode(text string) string {
	return strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:20]}, "-")
}

func terminalHash(code string) [sha256.Size]byte { return sha256.Sum256([]byte(hashCode(code))) }
