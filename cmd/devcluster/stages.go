package main

import (
	"embed"
	"os"
	"path/filepath"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodelease "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
)

// podStages are devcluster's own stages for pods. Those for nodes are kwok's.
//
//go:embed stages/*.yaml
var podStages embed.FS

// writeStages writes kwok's configuration to dir and returns the paths of the files.
func writeStages(dir string) ([]string, error) {
	stages := map[string]string{
		"node-initialize.yaml":           nodefast.DefaultNodeInit,
		"node-heartbeat-with-lease.yaml": nodelease.DefaultNodeHeartbeatWithLease,
	}
	entries, err := podStages.ReadDir("stages")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		content, err := podStages.ReadFile("stages/" + entry.Name())
		if err != nil {
			return nil, err
		}
		stages[entry.Name()] = string(content)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var paths []string
	for name, content := range stages {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
