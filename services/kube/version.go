package kube

import "k8s.io/apimachinery/pkg/util/resourceversion"

// Older reports whether the resource version a is older than b. It is false if one of them
// is not a number; see HasOrder.
func Older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// HasOrder reports whether Older can compare a resource version. Those of an API server
// with etcd are numbers, and those of one resource are in the order of its changes.
func HasOrder(version string) bool {
	_, err := resourceversion.CompareResourceVersion(version, version)
	return err == nil
}
