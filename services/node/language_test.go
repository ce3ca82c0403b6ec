package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// languageNodes are nodes of which some words are true for one only.
func languageNodes() []*Node {
	gpu := Taint{Key: "gpu", Value: "a100", Effect: "NoSchedule"}
	return []*Node{
		{
			Name: "one", Status: StatusNotReady, Scheduling: Cordoned, Unschedulable: true, Zone: "r1-a", Pool: "gpu",
			Version: "v1.35.4", Taints: []Taint{gpu}, ReasonBy: "li", Reason: "new kernel", AllocatableCPU: 1000,
			CreatedAt: searchNow.AddDate(0, 0, -2), Roles: []string{"worker"}, NoContact: true,
			Labels: map[string]string{"env": "prod", "nvidia.com/gpu.count": "8", "node-role.kubernetes.io/worker": ""},
		},
		{
			Name: "two", Status: StatusReady, Scheduling: Schedulable, Zone: "r1-b", Version: "v1.36.2+k3s1",
			Labels:    map[string]string{"env": "stage", "tier": "web", "pool": "gpu", "nvidia.com/gpu.count": "2"},
			CreatedAt: searchNow.AddDate(0, 0, -20), AllocatableCPU: 1000, Problems: []string{"DiskPressure"},
		},
		{
			Name: "three", Status: StatusReady, Scheduling: Limited, Zone: "r1-a", Pool: "gpu-2", Version: "v1.36.10",
			Labels: map[string]string{"env": "Prod", "tier": "db", "gpu": "yes"}, Converging: true,
			Lifecycle: []Lifecycle{{Type: "Drained"}},
			CreatedAt: searchNow.AddDate(0, 0, -20), AllocatableCPU: 1000,
		},
	}
}

func languageSight() sight {
	return sight{Usages{"": {"one": {CPU: 900}, "two": {CPU: 100, Pods: 3}, "three": {CPU: 800}}}, searchNow}
}

// found returns the names of the nodes that a text finds.
func found(t *testing.T, text string) string {
	t.Helper()
	q, err := Query{Text: text}.normal()
	require.NoError(t, err, text)
	matched, _ := q.filter(languageNodes(), languageSight())
	var names []string
	for _, n := range matched {
		names = append(names, n.Name)
	}
	return strings.Join(names, " ")
}

func TestLanguage(t *testing.T) {
	const all, none = "one two three", ""
	for text, want := range map[string]string{
		"zone:r1-a !ready taint:gpu cpu>80% age<7d pool=gpu version<1.36 cordoned by:li": "one",
		"zone:r1-a": "one three", "!ready": "one", "-ready": "one", "taint:gpu": "one", "cpu>80%": "one", "age<7d": "one",
		"pool=gpu": "one two", "version<1.36": "one", "cordoned": "one", "by:li": "one", "ready": "two three",
		"limited": "three", "converging": "three", "-converging": "one two", "nocontact": "one", "!nocontact": "two three",
		"-zone:r1-a": "two", "!zone:r1-a": "two", "-gpu": none, "!worker": "two three", "-": all, "!": all,

		// Label selectors.
		"env in (prod,stage)": "one two", "env in (prod, stage) ready": "two", "ready env in ( stage )": "two",
		"env notin (prod)": "two three", "!env in (prod,stage)": "three", "env in (prod),tier": none,
		"env in (prod,stage) zone:r1-a, cordoned": "one", "env=prod": "one", "env==prod": "one", "env=pro": none,
		"tier!=web": "one three", "!tier=web": "one three", "tier": "two three", "tier,!gpu": "two", "!gpu,env": "one two",
		"tier=web,!gpu": "two", "env=Prod, tier!=web": "three", "nvidia.com/gpu.count>4": "one",
		"nvidia.com/gpu.count<4": "two", "node-role.kubernetes.io/worker=": "one", "env in (prod": all, "env in (": all,

		// A field, or the label of its name.
		"pool!=gpu": "three", "pool in (gpu,x)": "one two", "pool notin (gpu)": "three", "pool=gpu,env=prod": "one",
		"zone=R1-A": "one three", "zone=r1": none, "pool=": "two", "pool!=": "one three", "role=worker": "one",
		"name=one": "one", "status=notready": "one", "sched:limited": "three", "condition:disk": "two",
		"condition=DiskPressure": "two", "condition:drain": "three", "condition=Drained": "three", "drained": "three",
		"diskpressure": "two", "pods=3": "two", "pods!=3": "one three",
		"taint=gpu": "one", "taint=gpu=a100:NoSchedule": "one", "taint=gpu:NoExecute": none, "label=gpu": "three",
		"!label=gpu": "one two", "label=env=prod": "one", "ip=": all, "Zone:R1-B": "two",

		// As many parts of a version as were typed; what a distribution adds counts only if it was.
		"version=1.36.2": none, "version=v1.36.2+k3s1": "two", "version<=1.36": all, "version>1.36": none,
		"version>=1.36": "two three", "version<=1.36.2": "one two", "version>1.36.2": "three",

		// Quotes.
		`"new kernel"`: "one", `reason:"new kernel"`: "one", `"kernel new"`: none, `!"new kernel"`: "two three",
		`"zone:r1-a"`: none, `"new ker`: "one", `""`: all,

		// Somebody is still typing.
		"!zone:": all, "cpu>": all, "-pods<": all,
	} {
		t.Run(text, func(t *testing.T) { require.Equal(t, want, found(t, text)) })
	}
}

func TestLanguage_refused(t *testing.T) {
	values := strings.Repeat("v,", maxValues) + "v"
	for text, want := range map[string]string{
		"cpus>80%":               "error_search_term",
		"speed>x":                "error_search_term",
		"-a/b/c notin (x) ready": "error_search_term",
		"tier!=a!b":              "error_search_selector",
		"pods=many":              "error_search_number",
		"distinct in (" + distinct(maxValues+1) + ")": "error_search_values",
		strings.Repeat("zone:a ", maxWords+1):         "error_words",
	} {
		_, err := Query{Text: text}.normal()
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), text)
		require.Equal(t, want, services.AsError(err).Fields[0].Text, text)
	}
	_, err := Query{Text: "same in (" + values + ")"}.normal()
	require.NoError(t, err, "the same value many times is one value")
}

// distinct returns so many different values.
func distinct(count int) string {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("v%d", i)
	}
	return strings.Join(values, ",")
}

// What stays a list of names.
func TestLanguage_lists(t *testing.T) {
	for text, want := range map[string]string{
		"one,three": "one three", "one, two;": "one two", "one two": "one two", "three\none": "one three",
		"one,gone": "one", strings.Repeat("one x ", maxWords): "one",
	} {
		require.Equal(t, want, found(t, text), text)
	}
	s := newSearch("one,zone:a", languageNodes())
	require.Equal(t, []string{"zone:a"}, s.unknown)
}

// Whatever is typed, a search is refused or has few words, each of which can be asked of
// every node; and its opposite finds the other nodes.
func FuzzSearch(f *testing.F) {
	for _, text := range []string{
		"zone:r1-a !ready taint:gpu cpu>80% age<7d pool=gpu version<1.36 cordoned by:li", "env in (prod,stage) x",
		"a=b,!c", "-\"new kernel\"", "one,two;three", "a in (b", "((", "!!x", "version>=1.+", "cpu>NaN%", "age<9999999999w",
		"!", "=", "a!=", "x notin ()", "\"", "受限 就绪",
	} {
		f.Add(text)
	}
	nodes, see := languageNodes(), languageSight()
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Query{Text: text}.normal()
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			require.Len(t, services.AsError(err).Fields, 1)
			return
		}
		s := newSearch(q.Text, nodes)
		require.LessOrEqual(t, len(s.words), maxWords)
		require.LessOrEqual(t, len(s.unknown), maxText)
		for _, w := range s.words {
			opposite := w
			opposite.not = !w.not
			for _, n := range nodes {
				if !w.open {
					require.NotEqual(t, w.matches(n, see), opposite.matches(n, see), "%q", w.text)
				}
			}
		}
		q.filter(nodes, see)
	})
}
