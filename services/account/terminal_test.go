package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// newSecret returns the secret of a program, and what it sends of it.
func newSecret() (verifier, challenge string) {
	verifier = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	return verifier, base64.RawURLEncoding.EncodeToString(sum[:])
}

// asAda adds a user and returns the context of their session.
func asAda(t *testing.T, s *Service) context.Context {
	t.Helper()
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	return services.WithActor(t.Context(), u.Actor("192.0.2.1", ""))
}

func TestTerminal(t *testing.T) {
	s, _, c := newTest(t)
	ada := asAda(t, s)
	verifier, challenge := newSecret()
	code, err := s.AllowTerminal(ada, TerminalRequest{
		Challenge: challenge, Token: NewToken{Label: " kubectl ", Life: 24 * time.Hour, ReadOnly: true},
	})
	require.NoError(t, err)
	require.Regexp(t, `^([A-Z2-7]{5}-){3}[A-Z2-7]{5}$`, code)
	before, err := s.Tokens(ada, "ada")
	require.NoError(t, err)
	require.Empty(t, before, "only the program that redeems the code makes the token")

	got, err := s.RedeemTerminal(t.Context(), code, verifier)
	require.NoError(t, err)
	require.Equal(t, TerminalToken{
		Secret: got.Secret, User: "ada", Label: "kubectl", Expires: c.now().Add(24 * time.Hour),
	}, got)
	u, err := s.ByToken(t.Context(), got.Secret)
	require.NoError(t, err)
	require.Equal(t, services.RoleViewer, u.Role, "it is read only")
	require.Equal(t, "field", fieldOf(t, s, code, verifier, "code"), "a code works once")

	token := services.WithActor(t.Context(), u.Actor("192.0.2.2", ""))
	_, err = s.AllowTerminal(token, TerminalRequest{Challenge: challenge, Token: NewToken{Label: "x", Life: time.Hour}})
	require.Equal(t, services.CodeForbidden, services.CodeOf(err), "a token makes no other one")
	_, err = s.RevokeTokens(token, u.Token+1)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	gone, err := s.RevokeTokens(token, u.Token)
	require.NoError(t, err, "it can end itself")
	require.Len(t, gone, 1)
	_, err = s.ByToken(t.Context(), got.Secret)
	require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
}

// fieldOf redeems a code, and reports whether the error is about a field.
func fieldOf(t *testing.T, s *Service, code, verifier, field string) string {
	t.Helper()
	_, err := s.RedeemTerminal(t.Context(), code, verifier)
	require.Error(t, err)
	if services.CodeOf(err) == services.CodeInvalid && services.AsError(err).Fields[0].Field == field {
		return "field"
	}
	return err.Error()
}

func TestTerminal_refusals(t *testing.T) {
	s, _, c := newTest(t)
	ada := asAda(t, s)
	verifier, challenge := newSecret()
	allow := func(typed bool) string {
		t.Helper()
		code, err := s.AllowTerminal(ada, TerminalRequest{
			Challenge: challenge, Typed: typed, Token: NewToken{Label: "x", Life: time.Hour},
		})
		require.NoError(t, err)
		return code
	}
	stranger, _ := newSecret()
	code := allow(false)
	require.Equal(t, "field", fieldOf(t, s, code, stranger, "code_verifier"))
	require.Equal(t, "field", fieldOf(t, s, code, verifier, "code"), "a wrong secret uses the code up")
	require.Equal(t, "field", fieldOf(t, s, allow(false), challenge, "code_verifier"), "the hash is not the secret")
	require.Equal(t, "field", fieldOf(t, s, allow(false), "", "code_verifier"))
	require.Equal(t, "field", fieldOf(t, s, "", verifier, "code"))

	code = allow(false)
	typed := allow(true)
	c.add(TerminalCodeLife)
	require.Equal(t, "field", fieldOf(t, s, code, verifier, "code"), "it has expired")
	c.add(TypedCodeLife - TerminalCodeLife - time.Second)
	_, err := s.RedeemTerminal(t.Context(), typed, verifier)
	require.NoError(t, err)
	typed = allow(true)
	c.add(TypedCodeLife)
	require.Equal(t, "field", fieldOf(t, s, typed, verifier, "code"))

	for field, r := range map[string]TerminalRequest{
		"code_challenge": {Challenge: "short", Token: NewToken{Label: "x", Life: time.Hour}},
		"label":          {Challenge: challenge, Token: NewToken{Life: time.Hour}},
		"expires":        {Challenge: challenge, Token: NewToken{Label: "x"}},
	} {
		_, err := s.AllowTerminal(ada, r)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), field)
		require.Equal(t, field, services.AsError(err).Fields[0].Field)
	}
}

// Whoever loses their sessions or the account before the code is redeemed gets no token.
func TestTerminal_accessEnds(t *testing.T) {
	s, _, _ := newTest(t)
	ada := asAda(t, s)
	verifier, challenge := newSecret()
	request := TerminalRequest{Challenge: challenge, Token: NewToken{Label: "x", Life: time.Hour}}
	code, err := s.AllowTerminal(ada, request)
	require.NoError(t, err)
	require.NoError(t, s.EndLogins(asAdmin(t), "ada"))
	_, err = s.RedeemTerminal(t.Context(), code, verifier)
	require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
	code, err = s.AllowTerminal(ada, request)
	require.NoError(t, err)
	_, err = s.Disable(asAdmin(t), "ada")
	require.NoError(t, err)
	_, err = s.RedeemTerminal(t.Context(), code, verifier)
	require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
	_, err = s.AllowTerminal(services.WithActor(t.Context(), services.Actor{}), request)
	require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
}

// Codes that nobody redeems do not fill the memory, and push out nobody else's.
func TestTerminal_bounded(t *testing.T) {
	s, _, c := newTest(t)
	ada := asAda(t, s)
	bob, err := s.AddUser(asAdmin(t), "bob", goodPassword, services.RoleUser)
	require.NoError(t, err)
	verifier, challenge := newSecret()
	request := TerminalRequest{Challenge: challenge, Token: NewToken{Label: "x", Life: time.Hour}}
	other, err := s.AllowTerminal(services.WithActor(t.Context(), bob.Actor("192.0.2.3", "")), request)
	require.NoError(t, err)
	var codes []string
	for range terminalCodes + 2 {
		code, err := s.AllowTerminal(ada, request)
		require.NoError(t, err)
		codes = append(codes, code)
	}
	require.Len(t, s.terminals.codes, terminalCodes+1)
	require.Equal(t, "field", fieldOf(t, s, codes[1], verifier, "code"))
	for _, code := range []string{other, codes[2], codes[len(codes)-1]} {
		_, err := s.RedeemTerminal(t.Context(), code, verifier)
		require.NoError(t, err)
	}
	c.add(TypedCodeLife)
	_, err = s.AllowTerminal(ada, request)
	require.NoError(t, err)
	require.Len(t, s.terminals.codes, 1)
}
