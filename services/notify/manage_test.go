package notify

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/store"
)

// What a form leaves open stays: above all the address and the secret, which nobody sees.
func TestUpdate(t *testing.T) {
	b := newBench(t, loopback)
	h := b.hook(t, "all", FormatJSON, EventStarted, EventFailed)
	b.hook(t, "other", FormatJSON)
	changed, err := b.Update(admin(t), h.ID, form.Fields{
		"name": {"on call"}, "url": {""}, "secret": {""}, "minutes": {"25"}, "cluster": {"prod"},
	}, []string{"prod"})
	require.NoError(t, err)
	require.Equal(t, "on call", changed.Name)
	require.Equal(t, 25, changed.Minutes)
	require.Equal(t, []string{EventStarted, EventFailed}, changed.Events)
	require.Equal(t, h.Host, changed.Host)
	kept := b.secretsOf(t, h.ID)
	require.Equal(t, secret, kept.Secret)
	require.Equal(t, b.Server.URL+"/in?key=private", kept.URL)

	_, err = b.Update(admin(t), h.ID, form.Fields{"secret": {"another secret of it"}}, nil)
	require.NoError(t, err, "its cluster may be gone")
	require.Equal(t, secrets{kept.URL, "another secret of it"}, b.secretsOf(t, h.ID))
	_, err = b.Update(admin(t), h.ID, form.Fields{"secret_remove": {"1"}}, nil)
	require.Equal(t, "error_hook_secret", services.AsError(err).Fields[0].Text, "JSON needs one")
	_, err = b.Update(admin(t), h.ID, form.Fields{"secret_remove": {"1"}, "format": {FormatSlack}}, nil)
	require.NoError(t, err)
	require.Empty(t, b.secretsOf(t, h.ID).Secret)

	for field, value := range map[string]string{"name": "other", "event": "", "url": "ftp://x/", "cluster": "gone"} {
		_, err := b.Update(admin(t), h.ID, form.Fields{field: {value}}, nil)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), field)
		require.Equal(t, field, services.AsError(err).Fields[0].Field)
	}
	b.requireUpdateEntries(t)
}

// requireUpdateEntries checks what the audit log says of the changes of TestUpdate.
func (b *bench) requireUpdateEntries(t *testing.T) {
	t.Helper()
	entries, err := b.Store.Entries(t.Context(), store.EntryQuery{Action: store.ActionHookUpdate, Limit: 9})
	require.NoError(t, err)
	require.Len(t, entries, 3)
	require.Equal(t, "ada", entries[0].Actor)
	var before, after struct {
		Name      string
		NewSecret bool
	}
	require.NoError(t, json.Unmarshal(entries[2].Before, &before))
	require.NoError(t, json.Unmarshal(entries[2].After, &after))
	require.Equal(t, []string{"all", "on call"}, []string{before.Name, after.Name})
	require.False(t, after.NewSecret)
	require.NoError(t, json.Unmarshal(entries[1].After, &after))
	require.True(t, after.NewSecret)
	for _, e := range entries {
		require.NotContains(t, string(e.Before)+string(e.After), "another secret")
		require.NotContains(t, string(e.Before)+string(e.After), "private")
	}
}

func (b *bench) secretsOf(t *testing.T, id int64) secrets {
	t.Helper()
	h, err := b.Store.Hook(t.Context(), id)
	require.NoError(t, err)
	private, err := b.open(h)
	require.NoError(t, err)
	return private
}

// What waits for a receiver goes to its new address, and is signed with its new secret.
func TestUpdate_sendsWhatWaits(t *testing.T) {
	b := newBench(t, loopback)
	h := b.hook(t, "all", FormatJSON, EventStarted)
	b.status = http.StatusForbidden
	b.batch(t, "b1", store.StateRunning)
	b.Check(t.Context())
	_, err := b.Update(admin(t), h.ID, form.Fields{
		"url": {b.Server.URL + "/new"}, "secret": {"another secret of it"},
	}, nil)
	require.NoError(t, err)
	b.status, b.now = http.StatusOK, b.now.Add(firstWait)
	b.Check(t.Context())
	require.Equal(t, []string{EventStarted, EventStarted}, b.events())
	require.Equal(t, "/new", b.got[1].URL.Path)
	require.NotEqual(t, b.got[0].Header.Get("X-KNM-Signature"), b.got[1].Header.Get("X-KNM-Signature"))
}

func TestUpdate_isForAdministrators(t *testing.T) {
	b := newBench(t, loopback)
	h := b.hook(t, "all", FormatJSON)
	user := services.WithActor(t.Context(), services.Actor{ID: 2, Name: "bob", Role: services.RoleUser})
	_, err := b.Update(user, h.ID, form.Fields{}, nil)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = b.Hook(user, h.ID)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = b.Update(admin(t), 99, form.Fields{}, nil)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}
