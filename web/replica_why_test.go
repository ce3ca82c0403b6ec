package web

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// Who asks a replica that cannot work because of the database is told that.
func TestReplica_saysWhyNoneWorks(t *testing.T) {
	r := &replica{}
	require.Equal(t, "error_replica_none", r.whyNone().Text)
	r.note(services.NewError(services.CodeUnavailable, "error_server_readonly"))
	require.Equal(t, "error_server_readonly", r.whyNone().Text)
	r.note(errors.New("anything else"))
	require.Equal(t, "error_replica_none", r.whyNone().Text)
	r.note(services.NewError(services.CodeUnavailable, "error_database_silent"))
	r.note(nil)
	require.Equal(t, "error_replica_none", r.whyNone().Text)
}
