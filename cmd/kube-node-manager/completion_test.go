package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompletion(t *testing.T) {
	for shell, mark := range map[string]string{
		"bash": "complete -o default -F __start_kube-node-manager kube-node-manager",
		"zsh":  "#compdef kube-node-manager",
		"fish": "complete -c kube-node-manager",
	} {
		code, out, errs := command(t, "", "completion", shell)
		require.Zero(t, code, errs)
		require.Contains(t, out, mark)
	}
	code, _, errs := command(t, "", "completion", "csh")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "bash")
}

// Shells are offered the commands, flags and values of the command line.
func TestCompletion_words(t *testing.T) {
	const files, noFiles = ":0", ":4"
	for line, want := range map[string]string{
		"us":                      "user " + noFiles,
		"user pass":               "passwd " + noFiles,
		"user add --role v":       "viewer " + noFiles,
		"user role ada us":        "user " + noFiles,
		"user role ada user x":    noFiles,
		"token revoke x":          noFiles,
		"completion f":            "fish " + noFiles,
		"--log-format j":          "json " + noFiles,
		"--log-lev":               "--log-level " + noFiles,
		"serve --no-local":        "--no-local-login " + noFiles,
		"backup x":                files,
		"--data x":                files,
		"serve --tls-cert x":      files,
		"--oidc-client-secret-fi": "--oidc-client-secret-file " + noFiles,
		"--listen x":              noFiles,
	} {
		code, out, errs := command(t, "", append([]string{"__completeNoDesc"}, strings.Fields(line)...)...)
		require.Zero(t, code, errs)
		require.Equal(t, want, strings.Join(strings.Fields(out), " "), line)
	}
	code, _, _ := command(t, "", "__complete", "--nonsense", "x", "")
	require.Zero(t, code, "what is typed so far may be wrong")
}
