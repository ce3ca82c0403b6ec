package main

import (
	"os"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Users of every API server in the plane. RBAC and priority-and-fairness apply to
// admin and viewer. The system user, which the plane's own components use, is exempt
// from both.
const (
	systemUser = "devcluster-system"
	adminUser  = "admin"
	viewerUser = "viewer"
)

// A user has a token for every cluster of the plane.
type user struct {
	name  string
	group string
	token string
}

func newUsers() []user {
	return []user{
		{systemUser, "system:masters", newToken()},
		{adminUser, "devcluster:admins", newToken()},
		{viewerUser, "devcluster:viewers", newToken()},
	}
}

// writeTokenFile writes the users in the format of --token-auth-file.
func writeTokenFile(path string, users []user) error {
	var lines []byte
	for _, u := range users {
		lines = append(lines, u.token+","+u.name+","+u.name+","+u.group+"\n"...)
	}
	return os.WriteFile(path, lines, 0o600)
}

// writeKubeconfig writes a kubeconfig file with a context of u for each cluster. The
// context of the first cluster is the current one.
func writeKubeconfig(path string, ca []byte, u user, clusters ...*cluster) error {
	config := clientcmdapi.NewConfig()
	config.CurrentContext = clusters[0].name
	for _, c := range clusters {
		config.Clusters[c.name] = &clientcmdapi.Cluster{Server: c.server(), CertificateAuthorityData: ca}
		config.AuthInfos[c.name+"-"+u.name] = &clientcmdapi.AuthInfo{Token: u.token}
		config.Contexts[c.name] = &clientcmdapi.Context{Cluster: c.name, AuthInfo: c.name + "-" + u.name}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, path)
}

// viewerRules allow to read everything that a tool for nodes shows, and no changes.
// Kubernetes' own role "view" does not allow to read nodes.
func viewerRules() []rbacv1.PolicyRule {
	read := []string{"get", "list", "watch"}
	apps := []string{"deployments", "daemonsets", "replicasets", "statefulsets"}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes", "pods", "namespaces", "events"}, Verbs: read},
		{APIGroups: []string{"apps"}, Resources: apps, Verbs: read},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: read},
		{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, Verbs: read},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: read},
	}
}
