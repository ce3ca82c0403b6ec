package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// groupable returns nodes in three zones, one of them not ready and one cordoned.
func groupable() Inventory {
	var nodes []*Node
	for i := range 12 {
		zone := []string{"z-10", "z-9", ""}[i%3]
		n := &Node{Name: fmt.Sprintf("n-%d", i), Status: StatusReady, Zone: zone, AllocatableCPU: 1000}
		n.Labels = map[string]string{}
		if i < 6 {
			n.Labels["team"] = []string{"web", ""}[i%2]
		}
		nodes = append(nodes, n)
	}
	nodes[0].Status = StatusNotReady
	nodes[1].Unschedulable, nodes[1].Scheduling = true, Cordoned
	return inventoryOf(nodes, nil, "")
}

func keysOf(groups []Group) (keys []string) {
	for _, g := range groups {
		keys = append(keys, g.Key)
	}
	return keys
}

func grouped(t *testing.T, q Query, usage Usages) Page {
	t.Helper()
	q, err := q.normal()
	require.NoError(t, err)
	return newPage(groupable(), q, sight{usage: usage})
}

func TestGroups(t *testing.T) {
	usage := map[string]Usage{}
	for i := range 12 {
		usage[fmt.Sprintf("n-%d", i)] = Usage{CPU: 250, Memory: 1, Pods: 2}
	}
	p := grouped(t, Query{Group: "zone", Desc: true}, Usages{"": usage})
	require.Equal(t, []string{"z-9", "z-10", GroupNone}, keysOf(p.Groups), "numbers by value, nodes without a zone last")
	nine, ten := p.Groups[0], p.Groups[1]
	require.Equal(t, []int{4, 0, 1}, []int{nine.Nodes, nine.NotReady, nine.Cordoned})
	require.Equal(t, []int{4, 1, 0}, []int{ten.Nodes, ten.NotReady, ten.Cordoned})
	require.Equal(t, int64(4000), ten.AllocatableCPU)
	require.Equal(t, &Usage{CPU: 1000, Memory: 4, Pods: 8}, ten.Usage)
	require.Equal(t, []string{"n-10", "n-7", "n-4", "n-1"}, names(p.Sections[0].Rows), "the order inside the group")
	require.Nil(t, grouped(t, Query{Group: "zone"}, nil).Groups[0].Usage, "unknown is not zero")

	states := grouped(t, Query{Group: "status"}, nil).Groups
	require.Equal(t, []string{GroupNotReady, GroupCordoned, GroupReady}, keysOf(states))
	require.Equal(t, []string{GroupEmpty, "web", GroupNone}, keysOf(grouped(t, Query{Group: "label:team"}, nil).Groups))
	one := grouped(t, Query{Group: "label:team", In: "web"}, nil)
	require.Equal(t, []string{"n-0", "n-2", "n-4"}, names(one.Nodes))
	require.Equal(t, 3, one.Match)
}

func names(nodes []*Node) (out []string) {
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}

// However groups are folded, the pages have each node of the open ones once, and each
// group begins on the page that it says.
func TestGroups_pages(t *testing.T) {
	all := groupable()
	q := Query{Group: "zone"}
	for _, fold := range []string{"", "z-9", "z-10,-", FoldAll, FoldAll + ",z-10", "z-9,z-10,-"} {
		for size := 1; size <= 13; size++ {
			q.Fold = fold
			groups := q.group(all.Nodes, nil)
			seen, begun, covered := map[string]int{}, map[string]int{}, 0
			for page := 1; ; page++ {
				sections, before := divide(groups, (page-1)*size, size)
				if len(sections) == 0 {
					break
				}
				require.Equal(t, covered, before)
				for _, s := range sections {
					if !s.Continued {
						begun[s.Key] = page
					}
					require.Equal(t, begun[s.Key], s.Page)
					require.Equal(t, s.Folded, len(s.Rows) == 0)
					covered += len(s.Rows)
					if s.Folded {
						covered += s.Nodes
					}
					for _, n := range s.Rows {
						seen[n.Name]++
					}
				}
			}
			require.Equal(t, 12, covered)
			open := 0
			for _, g := range groups {
				if !g.Folded {
					open += g.Nodes
				}
			}
			require.Len(t, seen, open)
			for _, times := range seen {
				require.Equal(t, 1, times)
			}
		}
	}
}

func TestQuery_ToggleFold(t *testing.T) {
	for _, tt := range []struct {
		fold, key, want string
		folds           bool
	}{
		{"", "a", "a", true},
		{"a", "a", "", false},
		{"a,b", "a", "b", false},
		{FoldAll, "a", "*,a", false},
		{"*,a", "a", "*", true},
	} {
		q := Query{Fold: tt.fold}
		require.Equal(t, tt.want, q.ToggleFold(tt.key))
		q.Fold = tt.want
		require.Equal(t, tt.folds, q.Folds(tt.key), tt.fold)
	}
}

func TestQuery_wrongGroups(t *testing.T) {
	for field, q := range map[string]Query{
		"group": {Group: "colour"}, "in": {In: "a"}, "fold": {Fold: "a"},
	} {
		_, err := q.normal()
		require.Equal(t, field, services.AsError(err).Fields[0].Field)
	}
	for _, group := range []string{"label:", "label:a b", "label:a/b/c"} {
		_, err := Query{Group: group}.normal()
		require.Equal(t, "group", services.AsError(err).Fields[0].Field)
	}
	require.True(t, slices.Contains(Groupings(), "zone"))
}

// Five thousand nodes are grouped in far less time than a page may take.
func BenchmarkGroups(b *testing.B) {
	nodes := make([]*Node, 5000)
	for i := range nodes {
		nodes[i] = &Node{Name: fmt.Sprintf("node-%d", i), Status: StatusReady, Zone: fmt.Sprintf("zone-%d", i%30)}
	}
	all, q := inventoryOf(nodes, nil, ""), Query{Group: "zone", Size: 100, Page: 1, Sort: "name"}
	for b.Loop() {
		newPage(all, q, sight{})
	}
}
