package seal_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/seal"
)

var subject = seal.OfCluster(7, 3)

func sealed(t *testing.T, key seal.Key) seal.Sealed {
	t.Helper()
	s, err := key.Seal(subject, []byte("a secret"))
	require.NoError(t, err)
	return s
}

func requireText(t *testing.T, err error, text string) {
	t.Helper()
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	require.Equal(t, text, services.AsError(err).Text)
}

func TestSeal(t *testing.T) {
	key := seal.NewKey()
	s := sealed(t, key)
	require.Equal(t, key.ID(), s.KeyID)
	require.NotContains(t, string(s.Secret), "secret")
	opened, err := key.Open(subject, s)
	require.NoError(t, err)
	require.Equal(t, "a secret", string(opened))

	again := sealed(t, key)
	require.NotEqual(t, s.Secret, again.Secret, "every secret has a data key of its own")
	again.Secret = s.Secret
	_, err = key.Open(subject, again)
	requireText(t, err, "error_seal_damaged")
}

// A secret belongs to one version of one cluster.
func TestOpen_ofAnotherSubject(t *testing.T) {
	key := seal.NewKey()
	s := sealed(t, key)
	others := []seal.Subject{seal.OfCluster(8, 3), seal.OfCluster(7, 2), seal.OfCluster(73, 0), seal.OfUser(7, 3)}
	for _, other := range others {
		_, err := key.Open(other, s)
		requireText(t, err, "error_seal_damaged")
	}
}

// Every bit of what is stored is authenticated.
func TestOpen_ofChangedBits(t *testing.T) {
	key := seal.NewKey()
	s := sealed(t, key)
	for _, part := range []*[]byte{&s.DataKey, &s.Secret} {
		whole := bytes.Clone(*part)
		for i := range whole {
			*part = bytes.Clone(whole)
			(*part)[i] ^= 1
			_, err := key.Open(subject, s)
			requireText(t, err, "error_seal_damaged")
		}
		*part = whole[:len(whole)-1]
		_, err := key.Open(subject, s)
		requireText(t, err, "error_seal_damaged")
		*part = nil
		_, err = key.Open(subject, s)
		requireText(t, err, "error_seal_damaged")
		*part = whole
	}
}

func TestOpen_withAnotherKey(t *testing.T) {
	s := sealed(t, seal.NewKey())
	_, err := seal.NewKey().Open(subject, s)
	requireText(t, err, "error_seal_other_key")
	_, err = seal.Key{}.Open(subject, s)
	requireText(t, err, "error_seal_no_key")
}

func TestRewrap(t *testing.T) {
	old, next := seal.NewKey(), seal.NewKey()
	s := sealed(t, old)
	rewrapped, err := old.Rewrap(subject, s, next)
	require.NoError(t, err)
	require.Equal(t, s.Secret, rewrapped.Secret, "only the data key is encrypted again")
	opened, err := next.Open(subject, rewrapped)
	require.NoError(t, err)
	require.Equal(t, "a secret", string(opened))
	_, err = old.Open(subject, rewrapped)
	requireText(t, err, "error_seal_other_key")
	_, err = old.Rewrap(subject, rewrapped, next)
	requireText(t, err, "error_seal_other_key")
}

func TestLoad(t *testing.T) {
	data := t.TempDir()
	key, created, err := seal.Load("", "", data)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(data, seal.FileName), created)
	info, err := os.Stat(created)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	again, none, err := seal.Load("", "", data)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, key, again)

	text, err := os.ReadFile(created)
	require.NoError(t, err)
	again, _, err = seal.Load(string(text), "/nonexistent", data)
	require.NoError(t, err)
	require.Equal(t, key, again)
	other := filepath.Join(data, "other")
	otherKey, err := seal.CreateFile(other)
	require.NoError(t, err)
	again, _, err = seal.Load("", other, data)
	require.NoError(t, err)
	require.Equal(t, otherKey.ID(), again.ID())
	_, err = seal.CreateFile(other)
	require.ErrorIs(t, err, fs.ErrExist)
	_, _, err = seal.Load("", "/nonexistent", data)
	require.ErrorIs(t, err, fs.ErrNotExist, "a key file that was named is not created")
	_, _, err = seal.Load("", "/dev/zero", data)
	require.ErrorContains(t, err, "not a key file")
}

func TestParse_wrongKeys(t *testing.T) {
	long := base64.StdEncoding.EncodeToString(make([]byte, 33))
	for _, text := range []string{"", "secret", strings.Repeat("A", 42), long} {
		_, err := seal.Parse(text)
		require.ErrorContains(t, err, "not a key")
		if text != "" {
			require.NotContains(t, err.Error(), text)
		}
	}
}

// A key does not show in logs and formats.
func TestKey_isNotShown(t *testing.T) {
	raw := bytes.Repeat([]byte("k"), seal.KeySize)
	key, err := seal.Parse(base64.StdEncoding.EncodeToString(raw))
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key)
	shown := log.String() + fmt.Sprintf("%v %+v %#v %s %q %x %d", key, key, key, key, key, key, &key)
	require.NotContains(t, shown, "kkkk")
	require.NotContains(t, shown, "6b6b6b")
	require.NotContains(t, shown, "107 107")
	require.Contains(t, shown, key.ID())
}
