package main

import (
	"context"
	"fmt"
	"os"

	"kube-node-manager/web"
)

// keyVariable is the environment variable of a key. There is no flag for it, because
// everybody on a machine can see the flags of a process.
const keyVariable = "KNM_KEY"

// takeKey returns the key in the environment, and removes it from there: credential
// plugins of a kubeconfig inherit the environment.
func takeKey() string {
	key := os.Getenv(keyVariable)
	_ = os.Unsetenv(keyVariable) // fails only for an invalid name
	return key
}

type rotateCmd struct {
	dataFlag
	KeyFile    string `help:"File of the current key, unless it is in the data directory or in KNM_KEY."`
	NewKeyFile string `help:"File of the new key; created if it does not exist." required:""`
}

// Run encrypts the secrets under the new key. The server must not run.
func (c *rotateCmd) Run(ctx context.Context, s streams) error {
	return c.open(ctx, s, func(a *web.Admin) error {
		n, err := a.RotateKey(ctx, takeKey(), c.KeyFile, c.Data, c.NewKeyFile)
		if err != nil {
			return err
		}
		return say(s, plural(n.Clusters, "cluster uses the new key.", "clusters use the new key."),
			plural(n.Factors, "second factor uses the new key.", "second factors use the new key."),
			fmt.Sprintf("Start the server with --key-file %s from now on. "+
				"Backups from before need the old key.", c.NewKeyFile))
	})
}
