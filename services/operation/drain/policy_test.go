package drain

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// onMachine are the annotations that Cluster API sets on the nodes of these tests.
var onMachine = map[string]string{
	machineOf: "m-1", machineNamespaceOf: "fleet", clusterOf: "prod",
}

// drainRule reads a MachineDrainRule.
func drainRule(t *testing.T, namespace, name, spec string) kube.MachineDrainRule {
	t.Helper()
	var r kube.MachineDrainRule
	require.NoError(t, json.Unmarshal([]byte(`{"spec":`+spec+`}`), &r))
	r.Namespace, r.Name = namespace, name
	return r
}

func machinePolicies(rules ...kube.MachineDrainRule) Policies {
	return Policies{
		Machines: kube.DrainRules{
			Rules:    rules,
			Machines: kube.Labels{"fleet/m-1": {"os": "linux", clusterOf: "prod"}},
			Clusters: kube.Labels{"fleet/prod": {"stage": "production"}},
		},
		Labels: kube.Labels{"shop": {"kubernetes.io/metadata.name": "shop", "team": "web"}},
	}
}

// judged returns the verdict on a pod on a node that Cluster API manages.
func judged(t *testing.T, o Options, p Policies, pod *corev1.Pod) Judged {
	t.Helper()
	w, err := newWorld(o, map[types.UID]bool{"o": true}, time.Now())
	require.NoError(t, err)
	require.NoError(t, w.use(p, map[string]map[string]string{"n": onMachine}))
	pod.Spec.NodeName = "n"
	return w.judge(pod)
}

func TestJudge_policies(t *testing.T) {
	own := func(text string) Policies {
		rules, wrong := ParseNamespaceRules(text)
		require.Nil(t, wrong)
		return Policies{Namespaces: rules, Labels: kube.Labels{"shop": {"team": "web"}}}
	}
	labelled := func(value string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Labels[drainLabel] = value }
	}
	annotated := func(key, value string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Annotations = map[string]string{key: value} }
	}
	skip := drainRule(t, "fleet", "a", `{"drain":{"behavior":"Skip"}}`)
	for name, c := range map[string]struct {
		change  func(*corev1.Pod)
		rules   Policies
		options Options
		want    Verdict
		field   string
		texts   []string
	}{
		"karpenter asks": {
			annotated(doNotDisrupt, "true"),
			Policies{},
			Options{},
			Acknowledge, "disrupt",
			[]string{"drain_annotated"},
		},
		"karpenter, agreed": {
			annotated(doNotDisrupt, "true"),
			Policies{},
			Options{Disrupt: true},
			Evict, "",
			[]string{"drain_annotated"},
		},
		"karpenter, withdrawn": {annotated(doNotDisrupt, "false"), Policies{}, Options{}, Evict, "", nil},
		"autoscaler asks": {
			annotated(safeToEvict, "false"),
			Policies{},
			Options{},
			Acknowledge, "disrupt",
			[]string{"drain_annotated"},
		},
		"autoscaler may": {annotated(safeToEvict, "true"), Policies{}, Options{}, Evict, "", nil},

		"label skip": {labelled("skip"), Policies{}, Options{}, Skip, "", []string{"drain_skip_label"}},
		"label Skip": {labelled("Skip"), Policies{}, Options{}, Skip, "", []string{"drain_skip_label"}},
		"label wait-completed": {
			labelled("wait-completed"),
			Policies{},
			Options{},
			WaitCompleted, "",
			[]string{"drain_completed_label"},
		},
		"label WaitCompleted": {
			labelled("WaitCompleted"),
			Policies{},
			Options{},
			WaitCompleted, "",
			[]string{"drain_completed_label"},
		},
		"label of another kind": {labelled("later"), Policies{}, Options{}, Evict, "", nil},
		"a skipped pod loses nothing": {func(p *corev1.Pod) {
			labelled("skip")(p)
			p.OwnerReferences = nil
		}, Policies{}, Options{}, Skip, "", []string{"drain_skip_label"}},
		"a completed pod has completed": {func(p *corev1.Pod) {
			labelled("wait-completed")(p)
			p.Status.Phase = corev1.PodSucceeded
		}, Policies{}, Options{}, Skip, "", []string{"drain_skip_finished"}},

		"the label comes before the rules of machines": {
			labelled("wait-completed"), machinePolicies(skip),
			Options{},
			WaitCompleted, "",
			[]string{"drain_completed_label"},
		},
		"own rules come before the label": {
			labelled("skip"), own("shop evict"),
			Options{},
			Evict, "",
			[]string{"drain_evict_rule"},
		},
		"and before annotations": {
			annotated(doNotDisrupt, "true"), own("sh?p evict"),
			Options{},
			Evict, "",
			[]string{"drain_evict_rule"},
		},
		"the first rule decides": {
			nil, own("db wait\nsh* ask\nshop evict"),
			Options{},
			Acknowledge, "disrupt",
			[]string{"drain_ask_rule"},
		},
		"asked and agreed": {nil, own("shop ask"), Options{Disrupt: true}, Evict, "", []string{"drain_ask_rule"}},
		"by label":         {nil, own("team=web wait"), Options{}, WaitCompleted, "", []string{"drain_completed_rule"}},
		"by other labels":  {nil, own("team!=web wait"), Options{}, Evict, "", nil},
		"what is evicted after a wait needs consent": {
			func(p *corev1.Pod) { p.OwnerReferences = nil }, own("shop wait 1h"),
			Options{},
			Acknowledge, "force",
			[]string{"drain_completed_rule_for", "drain_unmanaged"},
		},
		"consent given": {
			func(p *corev1.Pod) { p.OwnerReferences = nil }, own("shop wait 1h"),
			Options{Force: true},
			WaitCompleted, "",
			[]string{"drain_completed_rule_for", "drain_unmanaged"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := judged(t, c.options, c.rules, owned("ReplicaSet", "apps/v1", c.change))
			var texts []string
			for _, r := range j.Reasons {
				texts = append(texts, r.Text)
			}
			require.Equal(t, c.want, j.Verdict)
			require.Equal(t, c.field, j.Field)
			require.Equal(t, c.texts, texts)
		})
	}
}

// The rules of Cluster API are chosen as it chooses them.
func TestJudge_machineDrainRules(t *testing.T) {
	one := func(spec string) []kube.MachineDrainRule {
		return []kube.MachineDrainRule{drainRule(t, "fleet", "a", spec)}
	}
	for name, c := range map[string]struct {
		rules []kube.MachineDrainRule
		want  Verdict
		order int
	}{
		"none":            {nil, Evict, 0},
		"an order":        {one(`{"drain":{"behavior":"Drain","order":-5}}`), Evict, -5},
		"wait":            {one(`{"drain":{"behavior":"WaitCompleted"}}`), WaitCompleted, 0},
		"other namespace": {[]kube.MachineDrainRule{drainRule(t, "other", "a", `{"drain":{"behavior":"Skip"}}`)}, Evict, 0},
		"first by name": {[]kube.MachineDrainRule{
			drainRule(t, "fleet", "b", `{"drain":{"behavior":"Skip"}}`),
			drainRule(t, "fleet", "a", `{"drain":{"behavior":"Drain","order":7}}`),
		}, Evict, 7},
		"machine and cluster": {one(`{"drain":{"behavior":"Skip"},"machines":[
			{"selector":{"matchLabels":{"os":"windows"}}},
			{"selector":{"matchLabels":{"os":"linux"}},"clusterSelector":{"matchLabels":{"stage":"production"}}}]}`), Skip, 0},
		"machine, not the cluster": {one(`{"drain":{"behavior":"Skip"},"machines":[
			{"selector":{"matchLabels":{"os":"linux"}},"clusterSelector":{"matchLabels":{"stage":"test"}}}]}`), Evict, 0},
		"pod and namespace": {one(`{"drain":{"behavior":"Skip"},"pods":[
			{"selector":{"matchLabels":{"app":"db"}}},
			{"selector":{"matchLabels":{"app":"web"}},"namespaceSelector":{"matchLabels":{"team":"web"}}}]}`), Skip, 0},
		"pod, not the namespace": {one(`{"drain":{"behavior":"Skip"},"pods":[
			{"selector":{"matchLabels":{"app":"web"}},"namespaceSelector":{"matchLabels":{"team":"db"}}}]}`), Evict, 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := judged(t, Options{}, machinePolicies(c.rules...), owned("ReplicaSet", "apps/v1", nil))
			require.Equal(t, c.want, j.Verdict)
			require.Equal(t, c.order, j.Order)
		})
	}
	elsewhere := machinePolicies(drainRule(t, "fleet", "a", `{"drain":{"behavior":"Skip"}}`))
	elsewhere.Machines.Machines = kube.Labels{"fleet/m-2": {}}
	require.Equal(t, Evict, judged(t, Options{}, elsewhere, owned("ReplicaSet", "apps/v1", nil)).Verdict,
		"a node whose Machine is in another cluster has its rules there")
}

func TestJudge_machineDrainRuleThatCannotBeUnderstood(t *testing.T) {
	for _, spec := range []string{
		`{"drain":{"behavior":"Explode"}}`,
		`{"drain":{"behavior":"Drain"},"pods":[{"selector":{"matchExpressions":[{"key":"a","operator":"Near"}]}}]}`,
		`{"drain":{"behavior":"Drain"},"machines":[{"selector":{"matchExpressions":[{"key":"a","operator":"Near"}]}}]}`,
	} {
		w, err := newWorld(Options{}, nil, time.Now())
		require.NoError(t, err)
		err = w.use(machinePolicies(drainRule(t, "fleet", "odd", spec)), map[string]map[string]string{"n": onMachine})
		require.Equal(t, "error_drain_rule", services.AsError(err).Text, spec)
		require.Equal(t, "fleet/odd", services.AsError(err).Args["Rule"])
	}
}
