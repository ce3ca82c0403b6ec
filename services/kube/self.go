package kube

import (
	"os"
	"strings"
)

// namespaceFile names the namespace of the pod that the program runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Self gives "namespace/name" of the pod that the program runs in, or "" when
// it runs in none. A pod's host name is its name unless somebody set another.
func Self() string {
	namespace, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(namespace)) + "/" + name
}
