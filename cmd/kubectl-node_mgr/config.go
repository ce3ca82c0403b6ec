package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The environment variables.
const (
	envServer    = "NODE_MGR_SERVER"
	envCluster   = "NODE_MGR_CLUSTER"
	envToken     = "NODE_MGR_TOKEN"
	envTokenFile = "NODE_MGR_TOKEN_FILE"
)

// settings are the flags that every command has.
type settings struct {
	server, cluster, token, tokenFile, authority string
	insecure                                     bool
	output                                       string
}

// A store is what login has kept, in a file that only its user can read.
type store struct {
	Server  string            `json:"server"`            // of the last sign-in
	Cluster string            `json:"cluster,omitempty"` // that was given with it
	Tokens  map[string]string `json:"tokens"`            // by server: each goes to its own only
	// Expires are the ends of the tokens that a browser has brought, by server.
	Expires map[string]time.Time `json:"expires,omitempty"`
}

// storePath returns the path of the file.
func (a *app) storePath() (string, error) {
	dir := a.env("XDG_CONFIG_HOME")
	if dir == "" {
		var err error
		dir, err = os.UserConfigDir()
		if err != nil {
			return "", refuse("there is no directory for the configuration: %v", err)
		}
	}
	return filepath.Join(dir, "kubectl-node_mgr", "config.json"), nil
}

func (a *app) readStore() (store, error) {
	s := store{Tokens: map[string]string{}, Expires: map[string]time.Time{}}
	path, err := a.storePath()
	if err != nil {
		return s, err
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, refuse("the stored sign-in cannot be read: %v", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, refuse("%s cannot be read (%v): delete it and sign in again", path, err)
	}
	if s.Tokens == nil {
		s.Tokens = map[string]string{}
	}
	if s.Expires == nil {
		s.Expires = map[string]time.Time{}
	}
	return s, nil
}

// writeStore replaces the file as a whole, so that it is never read half written.
func (a *app) writeStore(s store) (string, error) {
	path, err := a.storePath()
	if err != nil {
		return "", err
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the sign-in: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", refuse("the sign-in cannot be stored: %v", err)
	}
	if err := replaceFile(path, append(raw, '\n')); err != nil {
		return "", refuse("the sign-in cannot be stored: %v", err)
	}
	return path, nil
}

// replaceFile writes a file that only its user can read.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".config-") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// chooseServer returns the server of flags, environment and the stored sign-in, in this
// order, and what is stored.
func (a *app) chooseServer() (server string, kept store, err error) {
	kept, err = a.readStore()
	if err != nil {
		return "", kept, err
	}
	server = strings.TrimRight(first(a.server, a.env(envServer), kept.Server), "/")
	if server == "" {
		return "", kept, refuse("no server: sign in with kubectl node_mgr login https://…, or set %s", envServer)
	}
	return server, kept, checkServer(server, a.insecure)
}

// connect makes the client from flags, environment and the stored sign-in, in this order.
func (a *app) connect() error {
	if a.client != nil {
		return nil
	}
	server, kept, err := a.chooseServer()
	if err != nil {
		return err
	}
	token, err := a.givenToken()
	if err != nil {
		return err
	}
	if a.cluster == "" {
		a.cluster = a.env(envCluster)
	}
	if a.cluster == "" && server == kept.Server {
		a.cluster = kept.Cluster
	}
	a.client, err = newClient(server, first(token, kept.Tokens[server]), a.authority)
	return err
}

// givenToken returns the token of a flag or of the environment, "" for none.
func (a *app) givenToken() (string, error) {
	if a.token != "" {
		return a.token, nil
	}
	path := a.tokenFile
	if path == "" {
		if token := a.env(envToken); token != "" {
			return token, nil
		}
		path = a.env(envTokenFile)
	}
	if path == "" {
		return "", nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", refuse("the token cannot be read: %v", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
