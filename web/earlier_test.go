package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The database of an earlier version, which package store describes, and the credentials
// that were valid then.
const (
	earlierDatabase = "../services/store/testdata/schema-6.db.gz"
	earlierToken    = "knm_5E3OOTGIT6QXAMJLVOUMCAEIQP"              // of ada
	earlierSession  = "AbRDjbjJxxmvfUwo5oY4DLJZZgldxBmsYGwypFnYimA" // of bob, valid for a hundred years
	earlierTime     = 1795574290                                    // just after the database was written
)

func startEarlier(t *testing.T) *testApp {
	t.Helper()
	packed, err := os.Open(earlierDatabase)
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	plain, err := gzip.NewReader(packed)
	require.NoError(t, err)
	raw, err := io.ReadAll(plain)
	require.NoError(t, err)
	var c testClock
	c.add(time.Until(time.Unix(earlierTime, 0)))
	return startApp(t, c.option, func(o *Options) {
		require.NoError(t, os.WriteFile(filepath.Join(o.Data, "kube-node-manager.db"), raw, 0o600))
	})
}

// After an upgrade, all credentials are still valid and all data is there.
func TestEarlierDatabase(t *testing.T) {
	a := startEarlier(t)
	require.Empty(t, a.SetupCode())
	for name, headers := range map[string][]string{
		"session": {"Cookie", "knm=" + earlierSession},
		"token":   {"Authorization", "Bearer " + earlierToken},
	} {
		headers = append(headers, "Accept", "application/json")
		require.Equal(t, http.StatusOK, a.another().get("/clusters", headers...).status, name)
		require.Contains(t, a.another().get("/batches", headers...).body, `"interrupted"`, name)
	}
	for _, name := range []string{"ada", "bob", "eve", "zoe"} {
		require.Equal(t, http.StatusSeeOther, a.another().post("/login", credentials(name, testPassword)).status, name)
	}
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials("ada", testPassword)).status)
	require.Contains(t, a.get("/audit").body, "Created the first administrator")
	require.Contains(t, a.get("/templates/labels").body, "tier")
}
