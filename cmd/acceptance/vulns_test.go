package acceptance

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Without the vulnerability database, the check does not pass.
func TestVulns_unknownIsNoPass(t *testing.T) {
	cmd := exec.Command("../vulns.sh")
	cmd.Env = append(os.Environ(), "VULNDB=http://127.0.0.1:1")
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v: %s", err, out)
	require.NotEqual(t, 3, exit.ExitCode(), "that means that something was found")
	require.Contains(t, string(out), "NOT CHECKED")
}
