// Chart renders the Helm chart in docs/deploy/chart, as "helm template" does and with
// the same packages, on machines without Helm.
//
//	chart -set image.repository=registry.example.com/knm -set publicURL=https://nodes.example.com
//	chart -values values.yaml -namespace ops
//
// The plain manifests in docs/deploy/manifests are its output, too: "make manifests".
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// release is what a chart is rendered for.
type release struct {
	chart     string // directory
	name      string
	namespace string
	tool      string // that applies it
	values    map[string]any
}

// plain returns the release of the plain manifests. People replace the two addresses.
func plain(chart string) *release {
	return &release{
		chart: chart, name: defaultName, namespace: defaultName, tool: "kubectl",
		values: map[string]any{
			"image":     map[string]any{"repository": "registry.example.com/kube-node-manager"},
			"publicURL": "https://nodes.example.com",
		},
	}
}

const defaultName = "kube-node-manager"

// plainHead precedes the plain manifests. Pod Security Standards hold for the namespace.
const plainHead = `# Made by "make manifests" from the chart. Replace registry.example.com/kube-node-manager
# and https://nodes.example.com, then: kubectl apply --server-side -f kube-node-manager.yaml
---
apiVersion: v1
kind: Namespace
metadata:
  name: ` + defaultName + `
  labels:
    pod-security.kubernetes.io/enforce: restricted
`

func run(args []string, out io.Writer) error {
	r := release{tool: "Helm", values: map[string]any{}}
	set := flag.NewFlagSet("chart", flag.ContinueOnError)
	set.StringVar(&r.chart, "chart", "../../docs/deploy/chart", "`directory` of the chart")
	set.StringVar(&r.name, "name", defaultName, "`name` of the release")
	set.StringVar(&r.namespace, "namespace", defaultName, "`namespace` of the release")
	set.Func("values", "`file` with values; may be repeated", r.readValues)
	set.Func("set", "`key=value`, as in Helm; may be repeated", r.set)
	manifests := set.Bool("plain", false, "render the plain manifests; all other flags but -chart are ignored")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *manifests {
		r = *plain(r.chart)
		if _, err := io.WriteString(out, plainHead); err != nil {
			return err
		}
	}
	text, err := r.render()
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

func (r *release) readValues(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var more map[string]any
	if err := yaml.Unmarshal(text, &more); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r.values = util.CoalesceTables(more, r.values) // The later file wins.
	return nil
}

func (r *release) set(text string) error { return strvals.ParseInto(text, r.values) }

// render returns the manifests in the order in which they are to be applied.
func (r *release) render() (string, error) {
	files, err := r.files(false)
	if err != nil {
		return "", err
	}
	for name := range files {
		if !strings.HasSuffix(name, ".yaml") {
			delete(files, name) // The notes.
		}
	}
	_, sorted, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, manifest := range sorted {
		out.WriteString("---\n" + strings.TrimSpace(manifest.Content) + "\n")
	}
	return out.String(), nil
}

// files returns the rendered templates by name.
func (r *release) files(skipSchema bool) (map[string]string, error) {
	chart, err := loader.Load(r.chart)
	if err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: r.name, Namespace: r.namespace, Revision: 1, IsInstall: true}
	values, err := util.ToRenderValuesWithSchemaValidation(chart, r.values, options, nil, skipSchema)
	if err != nil {
		return nil, err
	}
	values["Release"].(map[string]any)["Service"] = r.tool
	return engine.Render(chart, values)
}
