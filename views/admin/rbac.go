package admin

// The objects that an account of the program needs in a cluster. They are the same in
// every cluster, so that they can be kept with the cluster's other manifests.

const rbacAccount = `apiVersion: v1
kind: Namespace
metadata:
  name: kube-node-manager
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: kube-node-manager
  namespace: kube-node-manager
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kube-node-manager
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: kube-node-manager
subjects:
  - kind: ServiceAccount
    name: kube-node-manager
    namespace: kube-node-manager
---
`

const rbacViewer = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kube-node-manager
rules:
  - apiGroups: [""]
    resources: [nodes]
    verbs: [get, list, watch]
  - apiGroups: [""]
    resources: [pods]
    verbs: [list, watch]
  - apiGroups: [policy]
    resources: [poddisruptionbudgets]
    verbs: [list, watch]
  - apiGroups: [apps]
    resources: [daemonsets]
    verbs: [list]
  - apiGroups: [""]
    resources: [events]
    verbs: [list]
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [get]
  - apiGroups: [metrics.k8s.io]
    resources: [nodes]
    verbs: [list] # only if there is metrics-server
`

const rbacOperator = rbacViewer + `  - apiGroups: [""]
    resources: [nodes]
    verbs: [patch]
  - apiGroups: [""]
    resources: [pods/eviction]
    verbs: [create]
  - apiGroups: [""]
    resources: [pods]
    verbs: [delete] # only to delete single pods past their budget
  - apiGroups: [""]
    resources: [nodes/status]
    verbs: [patch] # only for the conditions of nodes in maintenance
  - apiGroups: [""]
    resources: [events]
    verbs: [create] # only for events about nodes in maintenance
`

// tokenCommands make a kubeconfig with a token of the account. They need kubectl 1.24
// or newer and rights in the cluster.
const tokenCommands = `kubectl apply -f kube-node-manager.yaml
token=$(kubectl -n kube-node-manager create token kube-node-manager --duration=8760h)
server=$(kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}')
kubectl config view --minify --raw --flatten \
  -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d > ca.crt
kubectl --kubeconfig=import.yaml config set-cluster cluster --server="$server" \
  --certificate-authority=ca.crt --embed-certs
kubectl --kubeconfig=import.yaml config set-credentials kube-node-manager --token="$token"
kubectl --kubeconfig=import.yaml config set-context cluster --cluster=cluster --user=kube-node-manager
`
