package handlers

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestDrafts(t *testing.T) {
	now := time.Unix(0, 0)
	d := newDrafts(func() time.Time { return now })
	ada, bob := actor(t, 1), actor(t, 2)
	form := url.Values{"nodes": {"a b"}, "reason": {"because"}}
	id, err := d.Keep(ada, form)
	require.NoError(t, err)
	again, err := d.Keep(ada, form)
	require.NoError(t, err)
	require.Equal(t, id, again)
	got, err := d.Find(ada, id)
	require.NoError(t, err)
	require.Equal(t, form, got)
	got.Set("reason", "mine")
	got, err = d.Find(ada, id)
	require.NoError(t, err)
	require.Equal(t, form, got, "what is kept is nobody's to change")
	_, err = d.Find(bob, id)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "it is somebody else's")
	other, err := d.Keep(bob, form)
	require.NoError(t, err)
	require.NotEqual(t, id, other)

	now = now.Add(draftLife + time.Second)
	_, err = d.Find(ada, id)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	require.Empty(t, d.kept)
	require.Zero(t, d.size)
}

func TestDrafts_areBounded(t *testing.T) {
	d := newDrafts(time.Now)
	first, err := d.Keep(actor(t, 1), url.Values{"n": {"first"}})
	require.NoError(t, err)
	for i := range draftsOfOne * 2 {
		_, err := d.Keep(actor(t, 2), url.Values{"n": {fmt.Sprint(i)}})
		require.NoError(t, err)
	}
	require.Len(t, d.kept, draftsOfOne+1)
	_, err = d.Find(actor(t, 1), first)
	require.NoError(t, err, "another's forms push out nobody's")
	_, err = d.Keep(actor(t, 3), url.Values{"n": {strings.Repeat("x", draftBytes)}})
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	for i := range int64(draftsBytes/draftBytes + 4) {
		_, err := d.Keep(actor(t, 10+i), url.Values{"n": {strings.Repeat("x", draftBytes-2)}})
		require.NoError(t, err)
	}
	require.LessOrEqual(t, d.size, draftsBytes)
}

func actor(t *testing.T, id int64) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: id})
}
