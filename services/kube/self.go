package kube

import (
	"os"
	"strings"
)

// namespaceFile contains the namespace of the pod in which the program runs.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Self returns "namespace/name" of the pod in which the program runs, or "" if it
// does not run in a pod. It takes the host name as the pod's name, which it is
// unless the pod's spec sets another.
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
