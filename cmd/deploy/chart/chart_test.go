package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

const (
	deploy = "../../../docs/deploy"
	// needed are the values that have no default.
	needed = "image.repository=registry.example.com/knm,publicURL=https://nodes.example.com"
	// everything turns all switches on.
	everything = needed + ",ingress.enabled=true,ingress.className=nginx,ingress.tlsSecret=web" +
		",access.deletePods=true,access.conditions=true,access.events=true,access.actAsUser=true" +
		",access.restart=true,access.leaseNamespace=medik8s-leases,access.drainRules=true" +
		",kubeconfig.secretName=clusters" +
		",encryptionKey.secretName=key,metrics.enabled=true,metrics.serviceMonitor.enabled=true" +
		",metrics.alerts.enabled=true,metrics.dashboard.enabled=true" +
		",image.pullSecrets[0]=pull,settings.users-may-drain=true"
)

func newRelease(t testing.TB, values string) *release {
	t.Helper()
	r := &release{
		chart: filepath.Join(deploy, "chart"), name: "knm", namespace: "ops", tool: "Helm", values: map[string]any{},
	}
	require.NoError(t, strvals.ParseInto(values, r.values))
	return r
}

// object is a rendered manifest.
type object struct {
	Kind     string
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Spec map[string]any
	Data map[string]string
}

func objects(t testing.TB, manifests string) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, text := range strings.Split(manifests, "---\n")[1:] {
		var o object
		require.NoError(t, yaml.Unmarshal([]byte(text), &o))
		require.NotContains(t, all, o.Kind)
		all[o.Kind] = o
	}
	return all
}

func rendered(t testing.TB, values string) map[string]object {
	t.Helper()
	text, err := newRelease(t, values).render()
	require.NoError(t, err)
	return objects(t, text)
}

func TestChart_lint(t *testing.T) {
	for _, values := range []string{needed, everything, needed + ",access.write=false,persistence.enabled=false"} {
		r := newRelease(t, values)
		for _, m := range lint.RunAll(r.chart, r.values, r.namespace).Messages {
			require.Less(t, m.Severity, support.WarningSev, m.Error())
		}
	}
}

// The chart is released with the program.
func TestChart_version(t *testing.T) {
	version, err := os.ReadFile("../../../VERSION")
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(deploy, "chart/Chart.yaml"))
	require.NoError(t, err)
	var chart struct{ Version, AppVersion string }
	require.NoError(t, yaml.Unmarshal(text, &chart))
	require.Equal(t, strings.TrimSpace(string(version)), chart.AppVersion)
	require.Equal(t, chart.AppVersion, "v"+chart.Version)
}

// What cannot be installed is refused before, in words.
func TestChart_refuses(t *testing.T) {
	for values, words := range map[string]string{
		"publicURL=https://nodes.example.com":           "image.repository: name the repository",
		"image.repository=registry.example.com/knm":     "set the address with https",
		needed + ",publicURL=http://nodes.example.com":  "set the address with https",
		needed + ",publicURL=nodes.example.com":         "at '/publicURL'",
		needed + ",replicas=2":                          "more than one needs PostgreSQL",
		needed + ",database.secretName=db":              "all replicas need the same key",
		needed + ",replicas=0":                          "at '/replicas'",
		needed + ",settings.user-may-drain=true":        "invalid propertyName 'user-may-drain'",
		needed + ",acces.write=false":                   "additional properties 'acces' not allowed",
		needed + ",metrics.serviceMonitor.enabled=true": "metrics.enabled: needed",
		needed + ",image.digest=abc":                    "at '/image/digest'",
		"image.repository=r.example.com/knm,publicURL=,tls.secretName=web,ingress.enabled=true": "needed for the ingress",
	} {
		_, err := newRelease(t, values).render()
		require.ErrorContains(t, err, words, values)
	}
	for _, values := range []string{"tls.secretName=web", "insecureHTTP=true"} {
		_, err := newRelease(t, "image.repository=registry.example.com/knm,"+values).render()
		require.NoError(t, err, "a decision was made: %s", values)
	}
}

// The plain manifests are what the chart makes now.
func TestManifests_areFresh(t *testing.T) {
	var now strings.Builder
	require.NoError(t, run([]string{"-plain", "-chart", filepath.Join(deploy, "chart")}, &now))
	written, err := os.ReadFile(filepath.Join(deploy, "manifests/kube-node-manager.yaml"))
	require.NoError(t, err)
	require.Equal(t, now.String(), string(written), `run "make manifests"`)
}

// schema is the part of a JSON schema that describes values.
type schema struct {
	Type        any
	Description string
	Properties  map[string]schema
}

// Every value has a default, a description in the schema, and nothing else is there.
func TestChart_valuesAreDescribed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deploy, "chart/values.schema.json"))
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(text, &s))
	text, err = os.ReadFile(filepath.Join(deploy, "chart/values.yaml"))
	require.NoError(t, err)
	var values map[string]any
	require.NoError(t, yaml.Unmarshal(text, &values))
	delete(s.Properties, "global") // Helm adds it.
	requireDescribed(t, "", s, values)
}

func requireDescribed(t testing.TB, path string, s schema, values map[string]any) {
	t.Helper()
	for name, property := range s.Properties {
		require.Contains(t, values, name, "%s has no %s", path, name)
		require.NotEmpty(t, property.Description, "%s.%s", path, name)
		if below, ok := values[name].(map[string]any); ok && property.Properties != nil {
			requireDescribed(t, path+"."+name, property, below)
		}
	}
	for name := range values {
		require.Contains(t, s.Properties, name, "the schema has no %s.%s", path, name)
	}
}

// Several pods share a PostgreSQL database, reach each other, and have no volume.
func TestChart_replicated(t *testing.T) {
	require.NotContains(t, rendered(t, needed), "PodDisruptionBudget")
	shared := needed + ",replicas=3,database.secretName=db,encryptionKey.secretName=key"
	files, err := newRelease(t, shared).files(true)
	require.NoError(t, err)
	require.Contains(t, files["kube-node-manager/templates/poddisruptionbudget.yaml"], "maxUnavailable: 1")
	pods := files["kube-node-manager/templates/statefulset.yaml"]
	require.Contains(t, pods, "topology.kubernetes.io/zone")
	require.Contains(t, pods, `value: "$(POD_IP):8081"`)
	require.Less(t, strings.Index(pods, "name: POD_IP"), strings.Index(pods, "$(POD_IP)"), "it is known before its use")
	require.Contains(t, pods, "name: KNM_DATABASE")
	require.NotContains(t, pods, "volumeClaimTemplates")
	policy := files["kube-node-manager/templates/networkpolicy.yaml"]
	require.Equal(t, 2, strings.Count(policy, "port: replica"), "in and out")
	require.Contains(t, policy, "port: 5432")
}

// The ingress serves the host and the path of the public address.
func TestChart_ingress(t *testing.T) {
	for address, path := range map[string]string{
		"https://nodes.example.com": "/", "https://nodes.example.com:8443/": "/", "https://nodes.example.com/ops/": "/ops",
	} {
		rules := rendered(t, needed+",ingress.enabled=true,publicURL="+address)["Ingress"].Spec["rules"]
		text, err := yaml.Marshal(rules)
		require.NoError(t, err)
		require.Contains(t, string(text), "host: nodes.example.com\n")
		require.Contains(t, string(text), "path: "+path+"\n")
	}
}

// A kubeconfig replaces the account: its token is then not in the pod.
func TestChart_tokenOnlyWhereNeeded(t *testing.T) {
	for values, mounted := range map[string]string{needed: "true", needed + ",kubeconfig.secretName=clusters": "false"} {
		text, err := newRelease(t, values).render()
		require.NoError(t, err)
		require.Contains(t, text, "automountServiceAccountToken: "+mounted+"\n      enableServiceLinks")
	}
}

// Monitoring is what is in the files of the chart.
func TestChart_monitoring(t *testing.T) {
	all := rendered(t, everything)
	dashboard, err := os.ReadFile(filepath.Join(deploy, "chart/files/dashboard.json"))
	require.NoError(t, err)
	require.JSONEq(t, string(dashboard), all["ConfigMap"].Data["kube-node-manager.json"])
	require.Equal(t, "1", all["ConfigMap"].Metadata.Labels["grafana_dashboard"])
	alerts, err := os.ReadFile(filepath.Join(deploy, "chart/files/alerts.yaml"))
	require.NoError(t, err)
	var groups map[string]any
	require.NoError(t, yaml.Unmarshal(alerts, &groups))
	require.Equal(t, groups, all["PrometheusRule"].Spec)
	require.Equal(t, "ServiceMonitor", all["ServiceMonitor"].Kind)
}

// The notes lead to the first sign-in.
func TestChart_notes(t *testing.T) {
	files, err := newRelease(t, needed+",access.write=false,persistence.enabled=false").files(false)
	require.NoError(t, err)
	notes := files["kube-node-manager/templates/NOTES.txt"]
	require.Contains(t, notes, "kubectl -n ops logs statefulset/knm | grep code")
	require.Contains(t, notes, "https://nodes.example.com")
	require.Contains(t, notes, "There is no volume")
	require.Contains(t, notes, "may only read")
}
