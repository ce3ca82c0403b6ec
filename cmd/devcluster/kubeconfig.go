package main

import (
	"os"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Users of every API server in the plane. RBAC and priority-and-fairness apply
// to admin and viewer as to any person; the system user is exempt from both,
// and serves the plane's own components.
const (
	systemUser = "devcluster-system"
	adminUser  = "admin"
	viewerUser = "viewer"
)

// A user can log in to every cluster of the plane with a token.
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

// writeKubeconfig writes a kubeconfig file in which a context for u is named
// after each cluster. The first cluster is current.
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

// viewerRules let the viewer see everything that a node tool shows, and change
// nothing. (The role "view" that Kubernetes brings does not show nodes.)
func viewerRules() []rbacv1.PolicyRule {
	read := []string{"get", "list", "watch"}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes", "pods", "namespaces", "events"}, Verbs: read},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "daemonsets", "replicasets", "statefulsets"}, Verbs: read},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: read},
		{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, Verbs: read},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: read},
	}
}
