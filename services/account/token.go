package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	// TokenPrefix begins every bearer token, so that secret scanners find tokens that
	// were committed by mistake.
	TokenPrefix = "knm_"
	// TokenLife is how long a token is valid by default.
	TokenLife = 90 * 24 * time.Hour
	// MaxTokenLife is the longest life of a token that expires.
	MaxTokenLife = 10 * 365 * 24 * time.Hour
	// recordUseEvery is how often the use of a token is recorded at most.
	recordUseEvery = 5 * time.Minute
)

// Token is a bearer token as its owner sees it, without the secret.
type Token = store.Token

// NewToken is what a new token is to be.
type NewToken struct {
	Label    string        // the owner's name for the token
	Life     time.Duration // how long it is valid; 0 means forever
	ReadOnly bool          // it may only see
	Clusters []string      // the only clusters that it is for; empty means all of its user
}

// CreateToken creates a bearer token for the named user and returns it. Only its hash
// is stored. It never may do more than its user.
//
// Errors: CodeForbidden for somebody else's, but to administrators; CodeNotFound for an
// unknown user; CodeConflict for a disabled one; CodeInvalid names the wrong fields
// ("label", "expires", "clusters").
func (s *Service) CreateToken(ctx context.Context, user string, n NewToken) (token string, err error) {
	u, err := s.ownToChange(ctx, user)
	if err != nil {
		return "", err
	}
	if err := n.check(); err != nil {
		return "", err
	}
	if u.Disabled {
		return "", services.NewError(services.CodeConflict, "error_user_disabled", "Name", u.Name)
	}
	token, _, err = s.addToken(ctx, u.ID, u.Name, n)
	return token, err
}

// addToken creates a token that was checked.
func (s *Service) addToken(
	ctx context.Context, user int64, name string, n NewToken,
) (token string, row store.Token, err error) {
	token = TokenPrefix + rand.Text()
	row = store.Token{
		UserID: user, Name: n.Label, Hash: hashToken(token), CreatedAt: s.now(), ReadOnly: n.ReadOnly, Clusters: n.Clusters,
	}
	if n.Life > 0 {
		end := row.CreatedAt.Add(n.Life)
		row.ExpiresAt = &end
	}
	_, err = s.store.InsertToken(ctx, row)
	if err != nil {
		return "", store.Token{}, err
	}
	s.log.InfoContext(ctx, "Created a token", "user", name, "token", n.Label)
	return token, row, nil
}

// check refuses what is wrong with a new token, and brings the rest into the form in
// which it is stored.
func (n *NewToken) check() error {
	var wrong services.FieldErrors
	label, err := checkLabel(n.Label)
	wrong.Append(err)
	if n.Life < 0 || n.Life > MaxTokenLife {
		wrong.Add("expires", "error_token_life", "Days", int(MaxTokenLife.Hours()/24))
	}
	n.Label = label
	n.Clusters = slices.Compact(slices.Sorted(slices.Values(n.Clusters)))
	if len(n.Clusters) > maxGrants || slices.ContainsFunc(n.Clusters, tooLong) {
		wrong.Add("clusters", "error_token_clusters", "Max", maxGrants)
	}
	return wrong.Err()
}

func tooLong(cluster string) bool { return cluster == "" || len(cluster) > maxClusterName }

// Tokens returns the tokens of the named user, or those of all users for "".
//
// Errors: CodeForbidden; CodeNotFound.
func (s *Service) Tokens(ctx context.Context, user string) ([]Token, error) {
	if user == "" {
		if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
			return nil, err
		}
		return s.store.Tokens(ctx, 0)
	}
	u, err := s.own(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.store.Tokens(ctx, u.ID)
}

// RevokeTokens revokes either all of the given tokens or none, and returns them. Who is
// no administrator revokes their own; with a token in place of a session, that one only.
//
// Errors: CodeForbidden; CodeNotFound names an id that no token of theirs has.
func (s *Service) RevokeTokens(ctx context.Context, ids ...int64) ([]Token, error) {
	actor := services.ActorFrom(ctx)
	owner := int64(0) // anybody
	if !actor.May(services.PermitUsers) {
		owner = actor.ID
	}
	switch {
	case actor.May(services.PermitUsers):
	case actor.ID == 0:
		return nil, actor.Require(services.PermitUsers)
	case actor.Token && !slices.Equal(ids, []int64{actor.TokenID}):
		return nil, services.NewError(services.CodeForbidden, "error_needs_session")
	}
	revoked, err := s.store.RevokeTokens(ctx, owner, ids)
	if err != nil {
		return nil, err
	}
	s.changed()
	for _, t := range revoked {
		s.log.InfoContext(ctx, "Revoked a token", "user", t.Owner, "token", t.Name)
	}
	return revoked, nil
}

// ByToken returns the user who has the bearer token.
//
// Errors: CodeUnauthenticated, with its own text for a token that has expired and
// for one whose user is disabled.
func (s *Service) ByToken(ctx context.Context, token string) (User, error) {
	if !strings.HasPrefix(token, TokenPrefix) {
		return User{}, services.NewError(services.CodeUnauthenticated, "error_token")
	}
	// A token has 130 random bits, so a fast hash is enough, and the time of a lookup
	// by hash reveals nothing useful.
	t, err := s.store.TokenByHash(ctx, hashToken(token))
	if services.CodeOf(err) == services.CodeNotFound {
		return User{}, services.NewError(services.CodeUnauthenticated, "error_token")
	}
	if err != nil {
		return User{}, err
	}
	if t.Expired(s.now()) {
		day := t.ExpiresAt.Format(time.DateOnly)
		return User{}, services.NewError(services.CodeUnauthenticated, "error_token_expired", "Day", day)
	}
	u, err := s.ByID(ctx, t.UserID)
	if services.CodeOf(err) == services.CodeUnauthenticated {
		return User{}, services.Wrap(err, services.CodeUnauthenticated, "error_token_disabled")
	}
	if err != nil {
		return User{}, err
	}
	s.recordUse(ctx, t)
	u.Token = t.ID
	return s.limit(u, t), nil
}

// limit returns the user with what a token allows of their access.
func (s *Service) limit(u User, t store.Token) User {
	if t.ReadOnly {
		u = readOnly(u)
	}
	if len(t.Clusters) == 0 {
		return u
	}
	actor := u.Actor("", "")
	roles := make(map[string]services.Role, len(t.Clusters))
	for _, cluster := range t.Clusters {
		roles[cluster] = actor.In(cluster).Role
	}
	u.Role, u.Clusters = services.RoleNone, roles
	return u
}

// readOnly returns the user as a viewer of what they see.
func readOnly(u User) User {
	u.Role = atMost(u.Role, services.RoleViewer)
	u.Clusters = maps.Clone(u.Clusters)
	for cluster, role := range u.Clusters {
		u.Clusters[cluster] = atMost(role, services.RoleViewer)
	}
	return u
}

func atMost(role, most services.Role) services.Role {
	if most.Less(role) {
		return most
	}
	return role
}

// uses holds when the use of each token was last recorded, so that concurrent requests
// record it once.
type uses struct {
	mu       sync.Mutex
	recorded map[int64]time.Time // by token id
}

func newUses() *uses { return &uses{recorded: map[int64]time.Time{}} }

// due reports whether the use of a token is to be recorded now. If it is, the
// next one is due after recordUseEvery.
func (u *uses) due(t store.Token, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.recorded[t.ID]
	if t.LastUsedAt != nil && t.LastUsedAt.After(last) {
		last = *t.LastUsedAt
	}
	if now.Sub(last) < recordUseEvery {
		return false
	}
	u.recorded[t.ID] = now
	return true
}

// recordUse records that a token was used, if that is due. An error is only logged: the
// record is information for the owner, and a request must not fail because of it.
func (s *Service) recordUse(ctx context.Context, t store.Token) {
	now := s.now()
	if !s.uses.due(t, now) {
		return
	}
	if err := s.store.UseToken(ctx, t.ID, now); err != nil {
		s.log.WarnContext(ctx, "Could not record the use of a token", "token", t.Name, "error", err)
	}
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
