package inspect

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
)

func word(v drain.Verdict) string { return "word-" + string(v) }

// somePods have one pod of each kind, in the order of their names.
func somePods() Pods {
	day := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	pod := func(name, owner, phase string, n int, v drain.Verdict, budget string) Pod {
		return Pod{
			Pod: node.Pod{
				Namespace: "web", Name: name, Owner: owner, Phase: phase, CPU: int64(n), Memory: int64(10 - n), Restarts: n,
				CreatedAt: day.Add(time.Duration(n) * time.Hour),
			},
			Judged: drain.Judged{Verdict: v, Budget: budget},
		}
	}
	return Pods{Pods: []Pod{
		pod("a", "ReplicaSet/x", "Running", 1, drain.Evict, ""),
		pod("b", "DaemonSet/y", "Running", 3, drain.Skip, ""),
		pod("c", "ReplicaSet/x", "Pending", 2, drain.Blocked, "web/tight"),
	}}
}

func namesOf(p PodPage) (names string) {
	for _, pod := range p.Pods {
		names += pod.Name
	}
	return names
}

func TestPage(t *testing.T) {
	for name, tt := range map[string]struct {
		query PodQuery
		want  string
	}{
		"all":              {PodQuery{}, "abc"},
		"by name, reverse": {PodQuery{Desc: true}, "cba"},
		"by verdict":       {PodQuery{Sort: "verdict"}, "cab"},
		"by status":        {PodQuery{Sort: "status"}, "cab"},
		"by owner":         {PodQuery{Sort: "owner"}, "bac"},
		"by restarts":      {PodQuery{Sort: "restarts", Desc: true}, "bca"},
		"by cpu":           {PodQuery{Sort: "cpu"}, "acb"},
		"by memory":        {PodQuery{Sort: "memory"}, "bca"},
		"by age":           {PodQuery{Sort: "age"}, "bca"},
		"a namespace":      {PodQuery{Text: "web/"}, "abc"},
		"an owner":         {PodQuery{Text: "replicaset"}, "ac"},
		"words":            {PodQuery{Text: " pending  TIGHT "}, "c"},
		"a verdict":        {PodQuery{Text: "word-skip"}, "b"},
		"nothing":          {PodQuery{Text: "gpu"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := tt.query.Check()
			require.NoError(t, err)
			got := somePods().Page(q, word)
			require.Equal(t, tt.want, namesOf(got))
			require.Equal(t, []int{len(tt.want), 3}, []int{got.Match, got.Total})
		})
	}
}

func TestPage_pages(t *testing.T) {
	var p Pods
	for i := range 2*PodPageSize + 1 {
		p.Pods = append(p.Pods, Pod{Pod: node.Pod{Name: fmt.Sprintf("%04d", i)}})
	}
	for page, want := range map[int]struct {
		page, pods int
		first      string
	}{
		0: {1, 100, "0000"}, 1: {1, 100, "0000"}, 2: {2, 100, "0100"}, 3: {3, 1, "0200"}, 9: {3, 1, "0200"},
	} {
		got := p.Page(PodQuery{Page: page}, word)
		require.Equal(t, want.page, got.Query.Page)
		require.Len(t, got.Pods, want.pods)
		require.Equal(t, want.first, got.Pods[0].Name)
		require.Equal(t, 3, got.Pages)
	}
}

func TestPodQuery_check(t *testing.T) {
	_, err := PodQuery{Sort: "size", Text: string(make([]byte, 5000))}.Check()
	var names []string
	for _, f := range services.AsError(err).Fields {
		names = append(names, f.Field)
	}
	require.Equal(t, []string{"sort", "q"}, names)
}
