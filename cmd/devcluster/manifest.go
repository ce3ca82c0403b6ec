package main

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// manifest is the content of clusters.json. Package services/kube/kubetest reads it:
// change both together.
type manifest struct {
	PID        int               `json:"pid"`
	Version    string            `json:"version"`
	Kubectl    string            `json:"kubectl"`
	Kubeconfig string            `json:"kubeconfig"`
	Clusters   []manifestCluster `json:"clusters"`
}

type manifestCluster struct {
	Name   string `json:"name"`
	Server string `json:"server"`
	Admin  string `json:"adminKubeconfig"`
	Viewer string `json:"viewerKubeconfig"`
	System string `json:"systemKubeconfig"`
	// ControllerManager is the process ID of the cluster's controller manager. Tests
	// suspend it to see what happens before the controllers have reacted to a change.
	ControllerManager int `json:"controllerManagerPID"`
}

// writeManifest creates clusters.json atomically. Its existence tells other programs
// that the plane is ready.
func (p *plane) writeManifest() error {
	m := manifest{
		PID: os.Getpid(), Version: kubernetesVersion(),
		Kubectl: p.kubectl(), Kubeconfig: kubeconfigPath(p.dir),
	}
	for _, c := range p.clusters {
		m.Clusters = append(m.Clusters, manifestCluster{
			Name: c.name, Server: c.server(),
			Admin: c.adminKubeconfig, Viewer: c.viewerKubeconfig, System: c.systemKubeconfig,
			ControllerManager: p.pid(controllerManagerName + " of " + c.name),
		})
	}
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(p.dir, "clusters.json")
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
