package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func addToken(t *testing.T, s *Store, user int64, name string) int64 {
	t.Helper()
	id, err := s.InsertToken(t.Context(), Token{
		UserID: user, Name: name, Hash: fmt.Appendf(nil, "%d %s", user, name), CreatedAt: auditClock,
	})
	require.NoError(t, err)
	return id
}

func addAdmin(t *testing.T, s *Store, name string) int64 {
	t.Helper()
	id, err := s.InsertUser(t.Context(), User{
		Name: name, PasswordHash: "h", Role: services.RoleAdmin, CreatedAt: auditClock,
	})
	require.NoError(t, err)
	return id
}

func TestSetDisabled(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "bob")
	addToken(t, s, id, "ci")
	b := aBatch("b1")
	b.ActorID = id
	insertBatch(t, s, b)

	held, err := s.SetDisabled(asAda(t), id, true)
	require.NoError(t, err)
	require.Equal(t, Held{Tokens: 1, Batches: 1}, held)
	require.Equal(t, byAda(Entry{
		Action: ActionUserDisable, Object: "bob",
		Before: json.RawMessage(`{"disabled":false}`), After: json.RawMessage(`{"disabled":true}`),
	}), last(t, s))
	u, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.True(t, u.Disabled)
	require.Equal(t, int64(2), u.AuthEpoch, "enabling the user again must not restore their logins")

	_, err = s.SetDisabled(asAda(t), id, true)
	require.Equal(t, "error_user_disabled", services.AsError(err).Text)
	_, err = s.SetDisabled(asAda(t), id, false)
	require.NoError(t, err)
	require.Equal(t, ActionUserEnable, last(t, s).Action)
	u, err = s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.False(t, u.Disabled)
	require.Equal(t, int64(2), u.AuthEpoch)
	_, err = s.SetDisabled(asAda(t), id, false)
	require.Equal(t, "error_user_enabled", services.AsError(err).Text)
}

func TestSetRole(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "bob")
	_, err := s.SetRole(asAda(t), id, services.RoleViewer)
	require.NoError(t, err)
	e := last(t, s)
	require.Equal(t, ActionUserRole, e.Action)
	require.JSONEq(t, `{"role":"user"}`, string(e.Before))
	require.JSONEq(t, `{"role":"viewer"}`, string(e.After))
	_, err = s.SetRole(asAda(t), id, services.RoleViewer)
	require.Equal(t, "error_user_has_role", services.AsError(err).Text)
}

// Nothing can remove the last administrator who can sign in, and the attempts
// leave no trace.
func TestLastAdmin(t *testing.T) {
	s := openAudit(t)
	ada, bob := addAdmin(t, s, "ada"), addAdmin(t, s, "bob")
	_, err := s.SetDisabled(t.Context(), bob, true)
	require.NoError(t, err)
	before := entries(t, s)
	for name, try := range map[string]func() error{
		"disable": func() error { return second(s.SetDisabled(t.Context(), ada, true)) },
		"role":    func() error { return second(s.SetRole(t.Context(), ada, services.RoleUser)) },
		"delete":  func() error { return second(s.DeleteUser(t.Context(), ada)) },
	} {
		err := try()
		require.Equal(t, services.CodeConflict, services.CodeOf(err), name)
		require.Equal(t, "error_last_admin", services.AsError(err).Text, name)
	}
	require.Equal(t, before, entries(t, s))
	u, err := s.UserByID(t.Context(), ada)
	require.NoError(t, err)
	require.Equal(t, services.RoleAdmin, u.Role)
	require.False(t, u.Disabled)
	require.Equal(t, int64(1), u.AuthEpoch)

	_, err = s.DeleteUser(t.Context(), bob)
	require.NoError(t, err, "a disabled administrator can be deleted")
}

func TestDeleteUser(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "bob")
	token := addToken(t, s, id, "ci")
	b := aBatch("b1")
	b.ActorID, b.By = id, "bob"
	insertBatch(t, s, b)
	held, err := s.DeleteUser(asAda(t), id)
	require.NoError(t, err)
	require.Equal(t, Held{Tokens: 1, Batches: 1}, held)
	e := last(t, s)
	require.Equal(t, ActionUserDelete, e.Action)
	require.JSONEq(t, `{"role":"user","disabled":false,"tokens":1}`, string(e.Before))
	_, err = s.UserByID(t.Context(), id)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	left, err := s.Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, left)
	kept, err := s.Batch(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, "bob", kept.By)

	again := addUser(t, s, "bob")
	require.Greater(t, again, id, "an id is used again")
	require.Greater(t, addToken(t, s, again, "ci"), token)
}

func TestRevokeTokens_allOrNone(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "bob")
	first, second := addToken(t, s, id, "a"), addToken(t, s, id, "b")
	_, err := s.RevokeTokens(asAda(t), 0, []int64{first, 99})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	require.EqualValues(t, 99, services.AsError(err).Args["ID"])
	gone, err := s.RevokeTokens(asAda(t), 0, []int64{first, second})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, []string{gone[0].Name, gone[1].Name})
	e := last(t, s)
	require.Equal(t, ActionTokenRevoke, e.Action)
	require.Equal(t, "b", e.Object)
	require.JSONEq(t, fmt.Sprintf(`{"user":"bob","id":%d}`, second), string(e.Before))
	_, err = s.RevokeTokens(asAda(t), 0, []int64{first})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "it is revoked already")
}

func TestDeleteSessions(t *testing.T) {
	s := openTest(t)
	for i, data := range []string{"a", "b", "a"} {
		_, err := s.w.ExecContext(t.Context(), `INSERT INTO sessions (token, data, expiry)
			VALUES ($1, $2, 0)`, strconv.Itoa(i), []byte(data))
		require.NoError(t, err)
	}
	gone, err := s.DeleteSessions(t.Context(), func(_ string, data []byte) bool { return string(data) == "a" })
	require.NoError(t, err)
	require.Equal(t, 2, gone)
	var left []byte
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT data FROM sessions`).Scan(&left))
	require.Equal(t, "b", string(left))
}

func TestRefuseSignIns(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.RefuseSignIns(t.Context(), nil))
	require.Empty(t, entries(t, s))
	require.NoError(t, s.RefuseSignIns(t.Context(), []Refusals{
		{UserID: 3, User: "bob", Address: "192.0.2.1", Last: auditClock, Why: map[Refusal]int{RefusedPassword: 4}},
		{Address: "2001:db8::/64", Last: auditClock, Why: map[Refusal]int{RefusedUnknown: 2, RefusedWait: 5}},
	}))
	all := entries(t, s)
	require.Len(t, all, 2)
	require.JSONEq(t, `{"why":"password","count":4}`, string(all[0].After))
	require.Equal(t, "bob", all[0].Actor)
	require.JSONEq(t, `{"why":"several","count":7,"reasons":{"unknown":2,"wait":5}}`, string(all[1].After))
	require.Equal(t, "2001:db8::/64", all[1].Address)
}
