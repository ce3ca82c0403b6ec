package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
)

// nodeWith returns a node whose Ready condition has the given status; "" means
// that it has no such condition.
func nodeWith(name string, ready corev1.ConditionStatus, cordoned bool, taints ...corev1.Taint) *Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Spec.Unschedulable, n.Spec.Taints = cordoned, taints
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue}}
	if ready != "" {
		condition := corev1.NodeCondition{Type: corev1.NodeReady, Status: ready, Message: "said by " + name}
		n.Status.Conditions = append(n.Status.Conditions, condition)
	}
	return FromKube(n)
}

// The expected texts are those of printNode in
// k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
func TestStatusIsKubectls(t *testing.T) {
	for name, tc := range map[string]struct {
		ready     corev1.ConditionStatus
		cordoned  bool
		want      string
		noContact bool
		message   string
	}{
		"ready":                  {corev1.ConditionTrue, false, "Ready", false, ""},
		"ready, cordoned":        {corev1.ConditionTrue, true, "Ready,SchedulingDisabled", false, ""},
		"not ready":              {corev1.ConditionFalse, false, "NotReady", false, "said by n"},
		"no contact":             {corev1.ConditionUnknown, false, "NotReady", true, "said by n"},
		"no contact, cordoned":   {corev1.ConditionUnknown, true, "NotReady,SchedulingDisabled", true, "said by n"},
		"no condition":           {"", false, "Unknown", false, ""},
		"no condition, cordoned": {"", true, "Unknown,SchedulingDisabled", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := nodeWith("n", tc.ready, tc.cordoned)
			require.Equal(t, tc.want, n.StatusText())
			require.Equal(t, tc.noContact, n.NoContact)
			require.Equal(t, tc.message, n.StatusReason)
		})
	}
}

// The filters, the summary and the order by status use the same states.
func TestStatusFiltersAgreeWithTheSummary(t *testing.T) {
	nodes := []*Node{
		nodeWith("a", corev1.ConditionTrue, false), nodeWith("b", corev1.ConditionFalse, false),
		nodeWith("c", corev1.ConditionUnknown, true), nodeWith("d", "", false),
	}
	count := func(status string) int {
		matched, _ := Query{Status: status}.filter(nodes, sight{now: searchNow})
		return len(matched)
	}
	s := summarize(nodes)
	require.Equal(t, s.NotReady, count(StatusNotReady))
	require.Equal(t, s.Ready, count(StatusReady))
	require.Equal(t, 1, count(StatusNoContact))
	require.Equal(t, 1, count(StatusUnknown))
	Query{Sort: "status"}.sort(nodes, nil)
	require.Equal(t, "a", nodes[0].Name, "the only healthy node comes first")
}

// searchNow is the time of the searches.
var searchNow = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

func searchNodes() []*Node {
	since := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	return []*Node{
		{
			Name: "node-1", Status: StatusReady, Scheduling: Limited, Roles: []string{"worker"},
			Pool: "gpu", Zone: "eu-1a", Version: "v1.37.2", InternalIP: "10.0.0.1",
			Taints: []Taint{{Key: "dedicated", Value: "ml", Effect: "NoSchedule"}},
		},
		{
			Name: "node-10", Status: StatusReady, Scheduling: Cordoned, Unschedulable: true,
			Pool: "gpu", InternalIP: "10.0.0.10",
			Reason: "General overhaul", ReasonBy: "grace", ReasonSince: &since,
		},
		{
			Name: "node-2.example.org", Status: StatusNotReady, Scheduling: Schedulable, NoContact: true,
			StatusReason: "Kubelet stopped", Roles: []string{"control-plane"},
		},
		{
			Name: "node-3", Status: StatusReady, Scheduling: Schedulable, Pool: "General",
			Labels: map[string]string{"team": "unlimited"},
		},
	}
}

func TestSearch(t *testing.T) {
	nodes := searchNodes()
	for text, want := range map[string][]string{
		"":                                   {"node-1", "node-10", "node-2.example.org", "node-3"},
		"gpu general":                        {"node-10"},
		"GPU  ml":                            {"node-1"},
		"node-1":                             {"node-1", "node-10"},
		"cordoned":                           {"node-10"},
		"!cordoned gpu":                      {"node-1"},
		"SchedulingDisabled":                 {"node-10"},
		"limited":                            {"node-1"},
		"受限":                                 {"node-1"},
		"NotReady":                           {"node-2.example.org"},
		"no contact":                         {"node-2.example.org"},
		"失联":                                 {"node-2.example.org"},
		"ready":                              {"node-1", "node-10", "node-3"},
		"stopped":                            {"node-2.example.org"},
		"control-plane":                      {"node-2.example.org"},
		"grace overhaul":                     {"node-10"},
		"label:team=unlim":                   {"node-3"},
		"dedicated=ml:NoSch":                 {"node-1"},
		"v1.37 eu-1a":                        {"node-1"},
		"no such":                            nil,
		"node-1,node-3":                      {"node-1", "node-3"},
		"node-1, ":                           {"node-1"},
		"node-3 node-1":                      {"node-1", "node-3"},
		"node-3\r\nnode-2;":                  {"node-2.example.org", "node-3"},
		"10.0.0.1 node-3":                    {"node-1", "node-3"},
		"node-3 general":                     {"node-3"},
		"node-1,node-99,gpu":                 {"node-1"},
		" , ":                                {"node-1", "node-10", "node-2.example.org", "node-3"},
		strings.Repeat("node-1 node-99 ", 9): {"node-1"},
	} {
		t.Run(text, func(t *testing.T) {
			matched, _ := Query{Text: text}.filter(nodes, sight{now: searchNow})
			var names []string
			for _, n := range matched {
				names = append(names, n.Name)
			}
			require.ElementsMatch(t, want, names)
		})
	}
}

func TestSearchReportsUnknownNames(t *testing.T) {
	_, unknown := Query{Text: "node-99, node-1, gpu, NODE-99"}.filter(searchNodes(), sight{now: searchNow})
	require.Equal(t, []string{"node-99", "gpu"}, unknown)
	_, unknown = Query{Text: "gpu nonsense"}.filter(searchNodes(), sight{now: searchNow})
	require.Empty(t, unknown, "words are not names")
}

func TestSearchThatIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"long": strings.Repeat("a,", maxText), "not text": "a\x00b", "not UTF-8": "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Query{Text: text}.normal()
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			var refused *services.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "q", refused.Fields[0].Field)
		})
	}
}

// The longest list must not take longer than one lookup for each name.
func TestSearchForTheLongestList(t *testing.T) {
	nodes := make([]*Node, 10_000)
	for i := range nodes {
		nodes[i] = &Node{Name: fmt.Sprintf("node-%d", i)}
	}
	text := strings.Repeat("x ", maxText/2)
	q, err := Query{Text: text}.normal()
	require.NoError(t, err)
	matched, unknown := q.filter(nodes, sight{now: searchNow})
	require.Empty(t, matched)
	require.Equal(t, []string{"x"}, unknown)
}
