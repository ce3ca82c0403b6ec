package main

import (
	"fmt"
	"strings"
)

// The controllers that a simulated cluster needs. Every other one only costs
// time on an idle machine: there are no volumes, no services, no certificates.
var controllers = []string{
	"daemonset-controller",
	"deployment-controller",
	"disruption-controller",
	"garbage-collector-controller",
	"job-controller",
	"namespace-controller",
	"node-lifecycle-controller",
	"pod-garbage-collector-controller",
	"replicaset-controller",
	"statefulset-controller",
	"taint-eviction-controller",
}

// clientLimits raise what a component may ask of its API server, so that a
// thousand nodes settle in seconds.
var clientLimits = []string{"--kube-api-qps=500", "--kube-api-burst=1000"}

// etcdArgs: one member, without fsync, since its data never outlives the plane.
func etcdArgs(dataDir string, clientPort, peerPort int) []string {
	client, peer := httpURL(clientPort), httpURL(peerPort)
	return []string{
		"--data-dir=" + dataDir,
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

// apiServerArgs: real authorization and admission, with two exceptions.
// ServiceAccount would demand a token controller before any pod, and
// TaintNodesByCondition gives each new node a taint that takes the node
// lifecycle controller seconds to remove from a thousand nodes.
func (c *cluster) apiServerArgs(p *pki, tokenFile, etcd string) []string {
	return []string{
		"--etcd-servers=" + etcd,
		"--etcd-prefix=/registry/" + c.name, // All clusters share one etcd.
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", c.port),
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file=" + p.servingCert,
		"--tls-private-key-file=" + p.servingKey,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.accountKey,
		"--service-account-signing-key-file=" + p.accountKey,
		"--authorization-mode=RBAC",
		"--token-auth-file=" + tokenFile,
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--profiling=false",
	}
}

// controllerManagerArgs: no leader election, no serving port. The node monitor
// waits longer than its 50 s, because a busy test machine may renew late.
func (c *cluster) controllerManagerArgs() []string {
	return append([]string{
		"--kubeconfig=" + c.systemKubeconfig,
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--node-monitor-grace-period=2m",
	}, clientLimits...)
}

func (c *cluster) schedulerArgs() []string {
	return append([]string{
		"--kubeconfig=" + c.systemKubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
	}, clientLimits...)
}

// kwokArgs: kwok renews a node's lease at a quarter of its duration. Without
// leases the node lifecycle controller would declare every node dead, and the
// disruption controller would see no healthy pod.
func (c *cluster) kwokArgs(stages []string) []string {
	return []string{
		"--kubeconfig=" + c.systemKubeconfig,
		"--config=" + strings.Join(stages, ","),
		"--manage-all-nodes=false",
		"--manage-nodes-with-label-selector=" + stoppedLabel + "!=" + stoppedValue,
		"--node-lease-duration-seconds=40",
		"--enable-crds=",
		"--server-address=",
		"--node-port=0", // No server on any address.
	}
}

func httpURL(port int) string {
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}
