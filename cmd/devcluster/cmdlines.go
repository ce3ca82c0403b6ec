package main

import (
	"fmt"
	"strings"
)

// The controllers that a simulated cluster needs. The others would only use CPU
// time: there are no volumes, no services and no certificates.
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

// clientLimits raise a component's rate limit for calls to the API server, so that
// a thousand nodes are ready in seconds.
var clientLimits = []string{"--kube-api-qps=500", "--kube-api-burst=1000"}

// etcdArgs returns the arguments of a single member without fsync, since its data
// is deleted with the plane.
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

// apiServerArgs returns the arguments of an API server with real authorization and
// admission, except for two plugins: ServiceAccount would require a token
// controller before any pod can be created, and TaintNodesByCondition would add a
// taint to each new node, which the node lifecycle controller would need seconds to
// remove from a thousand nodes.
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

// controllerManagerArgs returns the arguments of a controller manager without
// leader election and without a port. The node monitor's grace period is longer than
// the default of 50 s, because leases may be renewed late on a busy test machine.
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

// kwokArgs returns kwok's arguments. kwok renews a node's lease after a quarter of
// its duration. Without leases the node lifecycle controller would set every node to
// NotReady, and the disruption controller would see no healthy pods.
func (c *cluster) kwokArgs(stages []string) []string {
	return []string{
		"--kubeconfig=" + c.systemKubeconfig,
		"--config=" + strings.Join(stages, ","),
		"--manage-all-nodes=false",
		"--manage-nodes-with-label-selector=" + stoppedLabel + "!=" + stoppedValue,
		"--node-lease-duration-seconds=40",
		"--enable-crds=",
		"--server-address=",
		"--node-port=0", // No server.
	}
}

func httpURL(port int) string {
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}
