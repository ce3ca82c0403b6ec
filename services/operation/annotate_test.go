package operation

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
)

func annotations(values ...string) form.Fields { return form.Fields{"annotation": values} }

func TestAnnotate_read(t *testing.T) {
	const reason = "kube-node-manager.io/cordon-reason"
	for name, c := range map[string]struct {
		fields form.Fields
		want   string // the parameters, or the field and the message of the error
	}{
		"a value with blanks and commas": {
			annotations("note=disk, replace on Monday"),
			`{"mode":"add","set":{"note":"disk, replace on Monday"},"overwrite":true}`,
		},
		"pasted": {
			annotations("a=b\r\n\n c-  \nd={\"e\":1}"),
			`{"mode":"add","set":{"a":"b","d":"{\"e\":1}"},"remove":["c"],"overwrite":true}`,
		},
		"a value that ends in a minus": {annotations("a=b-"), `{"mode":"add","set":{"a":"b-"},"overwrite":true}`},
		"no value":                     {annotations("a="), `{"mode":"add","set":{"a":""},"overwrite":true}`},
		"upper case": {
			annotations("Example.com/Note=x"), `{"mode":"add","set":{"Example.com/Note":"x"},"overwrite":true}`,
		},
		"keep": {
			annotations("a=b").With("overwrite", "0"), `{"mode":"add","set":{"a":"b"},"overwrite":false}`,
		},
		"remove": {
			annotations("a", "b-").With("mode", "remove"), `{"mode":"remove","remove":["a","b"],"overwrite":true}`,
		},
		"replace": {
			annotations("a=b").With("mode", "replace"), `{"mode":"replace","set":{"a":"b"},"overwrite":true}`,
		},
		"ours":            {annotations(reason + "=x"), `{"mode":"add","set":{"` + reason + `":"x"},"overwrite":true}`},
		"nothing":         {annotations(" \n"), "annotation: error_annotations_none"},
		"a key alone":     {annotations("a"), "annotation: error_entry_bare_annotation"},
		"a bad key":       {annotations("a b=c"), "annotation: error_entry_key"},
		"no key":          {annotations("=c"), "annotation: error_entry_key"},
		"twice":           {annotations("a=b", "a=c"), "annotation: error_entry_twice"},
		"set and removed": {annotations("a=b", "a-"), "annotation: error_entry_twice"},
		"a value to remove": {
			annotations("a=b").With("mode", "remove"), "annotation: error_entry_remove_value",
		},
		"a minus to replace": {annotations("a-").With("mode", "replace"), "annotation: error_entry_replace_minus"},
		"a mode":             {annotations("a=b").With("mode", "merge"), "mode: error_choice"},
		"too many":           {annotations(strings.Repeat("a=b\n", 101)), "annotation: error_entries_many"},
		"too large":          {annotations("a=" + strings.Repeat("x", 16<<10)), "annotation: error_annotations_large"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Find(Annotate)
			require.NoError(t, err)
			params, err := d.Read(c.fields)
			if !strings.HasPrefix(c.want, "{") {
				e := services.AsError(err)
				require.Equal(t, c.want, e.Fields[0].Field+": "+e.Fields[0].Text)
				return
			}
			require.NoError(t, err)
			raw, err := params.Encode()
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(raw))
		})
	}
}

func TestAnnotate_plan(t *testing.T) {
	n := &node.Node{Annotations: map[string]string{
		"note": "a", "old": "1", "node.alpha.kubernetes.io/ttl": "0", node.AnnotationReason: "disk",
	}}
	plan := func(fields form.Fields) Plan { return operationOf(t, Annotate, fields).Plan(n) }
	entries := func(s change.State) map[string]string {
		out := map[string]string{}
		for key, value := range s.Annotations {
			out[key] = "-"
			if value != nil {
				out[key] = *value
			}
		}
		return out
	}
	p := plan(annotations("note=b", "new=1", "old-", "ghost-"))
	require.Equal(t, map[string]string{"note": "a", "new": "-", "old": "1"}, entries(p.Before))
	require.Equal(t, map[string]string{"note": "b", "new": "1", "old": "-"}, entries(p.After))
	require.True(t, p.Changes())
	require.False(t, plan(annotations("note=a")).Changes())

	p = plan(annotations("note=b").With("mode", "replace"))
	require.Equal(t, map[string]string{"note": "b", "old": "-"}, entries(p.After))
	require.Equal(t, []string{node.AnnotationReason, "node.alpha.kubernetes.io/ttl"}, p.Protected)

	p = plan(annotations("note=b").With("overwrite", "0"))
	require.Equal(t, "error_annotation_exists", p.Blockers[0].Text)
	named := operationOf(t, Annotate, annotations("note=b", node.AnnotationReason+"-", "cilium.io/x=1")).Named(nil)
	require.Equal(t, []string{"cilium.io/x", node.AnnotationReason}, named)
}

// Two nodes that are alike, one changed by kubectl and one by us, are alike again.
func TestAnnotate_agreesWithKubectl(t *testing.T) {
	c := kubetest.Acquire(t)
	for name, k := range map[string]struct {
		args   []string
		fields form.Fields
		both   bool // refuse
	}{
		"set":                   {[]string{"new=1", "env=prod", "--overwrite"}, annotations("new=1", "env=prod"), false},
		"set and remove":        {[]string{"new=1", "env-", "ghost-"}, annotations("new=1", "env-", "ghost-"), false},
		"the empty value":       {[]string{"new="}, annotations("new="), false},
		"blanks, commas, signs": {[]string{`new={"a": [1, 2]}=é`}, annotations(`new={"a": [1, 2]}=é`), false},
		"a domain":              {[]string{"example.com/a=b"}, annotations("example.com/a=b"), false},
		"no overwriting, other": {[]string{"env=prod"}, annotations("env=prod").With("overwrite", "0"), true},
		"a key that cannot be":  {[]string{"a b=1"}, annotations("a b=1"), true},
		"set and removed":       {[]string{"env=prod", "env-", "--overwrite"}, annotations("env=prod", "env-"), true},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := c.Nodes(t, 2, func(_ int, n *corev1.Node) {
				n.Annotations = map[string]string{"env": "dev", "tier": "gold"}
			})
			out, err := kubectl(t, c, append([]string{"annotate", "node", nodes[0]}, k.args...)...)
			require.Equal(t, k.both, err != nil, out)
			if k.both {
				refusedToo(t, c, Annotate, k.fields, nodes[1])
			} else {
				require.NoError(t, applied(t, c, Annotate, k.fields, nodes[1]))
			}
			require.Equal(t, annotationsOf(c, t, nodes[0]), annotationsOf(c, t, nodes[1]))
		})
	}
}

// annotationsOf returns what a test set on the node, without what controllers add.
func annotationsOf(c *kubetest.Cluster, t *testing.T, name string) map[string]string {
	t.Helper()
	found := maps.Clone(c.Node(t, name).Annotations)
	maps.DeleteFunc(found, func(key, _ string) bool { return strings.Contains(key, "kubernetes.io/") })
	return found
}
