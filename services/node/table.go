package node

import (
	"cmp"
	"slices"
	"strings"

	"kube-node-manager/services"
)

// maxEntry is the length of the longest possible label or taint:
// domain/key=value:Effect.
const maxEntry = 253 + 1 + 63 + 1 + 63 + 1 + len("PreferNoSchedule")

// Check returns an error that names the invalid fields of the query, or nil.
func (q Query) Check() error {
	_, err := q.normal()
	return err
}

// normal returns the query with its defaults, or an error that names its invalid
// fields.
func (q Query) normal() (Query, error) {
	wrong := slices.Concat(
		services.CheckChoice("status", q.Status, []string{StatusReady, StatusNotReady, StatusUnknown, StatusNoContact}),
		services.CheckChoice("sched", q.Scheduling, []string{Schedulable, Limited, Cordoned}),
		services.CheckChoice("sort", q.Sort, SortKeys()),
		checkText(q.Text),
		q.checkGroup(), q.checkColumns(),
		services.CheckFilters(
			services.Filter{Field: "role", Value: q.Role}, services.Filter{Field: "pool", Value: q.Pool},
			services.Filter{Field: "zone", Value: q.Zone}, services.Filter{Field: "version", Value: q.Version},
			services.Filter{Field: "condition", Value: q.Condition},
		),
		checkClusters(q.Clusters),
	)
	for _, f := range []services.Filter{{Field: "label", Value: q.Label}, {Field: "taint", Value: q.Taint}} {
		if len(f.Value) > maxEntry {
			wrong.Add(f.Field, "error_long", "Max", maxEntry)
		}
	}
	if err := wrong.Err(); err != nil {
		return q, err
	}
	q.Text = strings.TrimSpace(q.Text)
	q.Sort = cmp.Or(q.Sort, SortName)
	q.Page = max(1, q.Page)
	if !slices.Contains(PageSizes(), q.Size) {
		q.Size = PageSizes()[0]
	}
	return q, nil
}

// maxClusters is how many clusters a query may name.
const maxClusters = 200

// checkClusters returns what is wrong with the names of clusters.
func checkClusters(names []string) (wrong services.FieldErrors) {
	if len(names) > maxClusters {
		wrong.Add("cluster", "error_form_values", "Count", len(names), "Max", maxClusters)
		return wrong
	}
	filters := make([]services.Filter, len(names))
	for i, name := range names {
		filters[i] = services.Filter{Field: "cluster", Value: name}
	}
	return services.CheckFilters(filters...)
}

// newPage filters the nodes, sorts and groups them, and selects one page.
func newPage(all Inventory, q Query, s sight) Page {
	matched, unknown := q.filter(all.Nodes, s)
	q.sort(matched, s.usage)
	p := Page{
		Query: q, Usage: s.usage, Total: len(all.Nodes), Match: len(matched), UnknownNames: unknown,
		Summary: all.Summary(), AsOf: all.AsOf, Stale: all.Stale, matched: matched,
	}
	if q.Group != "" {
		p.Groups = q.group(matched, s.usage)
		p.turnGroups()
		return p
	}
	first := p.turn(len(matched))
	p.Nodes, p.Before = matched[first:min(first+q.Size, len(matched))], first
	return p
}

// turn sets the number of pages that some rows need, goes to the last one if there is no
// such page, and returns the first row of the page.
func (p *Page) turn(rows int) (first int) {
	p.Pages = max(1, (rows+p.Query.Size-1)/p.Query.Size)
	p.Query.Page = min(p.Query.Page, p.Pages)
	return (p.Query.Page - 1) * p.Query.Size
}

// turnGroups is turn for a table with groups: it sets what the page shows.
func (p *Page) turnGroups() {
	rows := 0
	for _, g := range p.Groups {
		rows += g.height()
	}
	p.Sections, p.Before = divide(p.Groups, p.turn(rows), p.Query.Size)
	p.Nodes = []*Node{}
	for _, s := range p.Sections {
		p.Nodes = append(p.Nodes, s.Rows...)
	}
}

// filter returns the nodes that match in a new slice, and the names of a pasted
// list that no node has.
func (q Query) filter(nodes []*Node, s sight) (matched []*Node, unknown []string) {
	search, group := newSearch(q.Text, nodes), q.valueOf()
	matched = make([]*Node, 0, len(nodes))
	for _, n := range nodes {
		if (q.In == "" || group(n) == q.In) && q.matches(n) && search.matches(n, s) {
			matched = append(matched, n)
		}
	}
	return matched, search.unknown
}

func (q Query) matches(n *Node) bool {
	return matchesStatus(n, q.Status) &&
		(q.Scheduling == "" || n.Scheduling == q.Scheduling) &&
		(q.Role == "" || slices.Contains(n.Roles, q.Role)) &&
		matchesValue(n.Pool, q.Pool) && matchesValue(n.Zone, q.Zone) && matchesValue(n.Version, q.Version) &&
		(q.Condition == "" || slices.Contains(n.conditionTypes(), q.Condition)) &&
		(q.Label == "" || matchesLabel(n, q.Label)) &&
		(q.Taint == "" || slices.ContainsFunc(n.Taints, func(t Taint) bool { return matchesTaint(t, q.Taint) }))
}

// matchesValue matches a whole value, or with NoValue that there is none.
func matchesValue(got, want string) bool {
	return want == "" || got == want || want == NoValue && got == ""
}

// matchesStatus matches kubectl's STATUS. NotReady matches every node that is not
// Ready, as in the summary; Unknown and NoContact match some of these.
func matchesStatus(n *Node, want string) bool {
	switch want {
	case "":
		return true
	case StatusNotReady:
		return n.Status != StatusReady
	case StatusNoContact:
		return n.NoContact
	default:
		return n.Status == want
	}
}

// matchesLabel matches key or key=value.
func matchesLabel(n *Node, want string) bool {
	key, value, exact := strings.Cut(want, "=")
	got, ok := n.Labels[key]
	return ok && (!exact || got == value)
}

// matchesTaint matches key, key=value, key:Effect or key=value:Effect.
func matchesTaint(t Taint, want string) bool {
	rest, effect, _ := strings.Cut(want, ":")
	key, value, exact := strings.Cut(rest, "=")
	return t.Key == key && (!exact || t.Value == value) && (effect == "" || t.Effect == effect)
}

// severity orders nodes by their state, from good to bad.
func severity(n *Node) int {
	switch {
	case n.Status != StatusReady:
		return 3
	case n.Scheduling == Cordoned:
		return 2
	case n.Scheduling == Limited:
		return 1
	default:
		return 0
	}
}

func sortByName(nodes []*Node) {
	slices.SortFunc(nodes, func(a, b *Node) int { return compareNames(a.Name, b.Name) })
}

// compareNames compares numbers in names by their value, so that node-9 comes
// before node-10.
func compareNames(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		var by int
		if na > 0 && nb > 0 {
			by = compareNumbers(a[:na], b[:nb])
		} else {
			na, nb = 1, 1
			by = cmp.Compare(a[0], b[0])
		}
		if by != 0 {
			return by
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
}

// compareNumbers compares two strings of digits by their value.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// digits returns the number of digits at the start of s.
func digits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}

func summarize(nodes []*Node) Summary {
	var s Summary
	roles, versions, zones, pools := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	conditions := map[string]bool{}
	for _, n := range nodes {
		s.count(n)
		versions[n.Version], zones[n.Zone], pools[n.Pool] = true, true, true
		for _, role := range n.Roles {
			roles[role] = true
		}
		for _, condition := range n.conditionTypes() {
			conditions[condition] = true
		}
	}
	s.Roles, s.Zones, s.Pools = sorted(roles), sorted(zones), sorted(pools)
	s.Versions, s.Conditions = sorted(versions), sorted(conditions)
	slices.Reverse(s.Versions)
	return s
}

func (s *Summary) count(n *Node) {
	switch severity(n) {
	case 3:
		s.NotReady++
	case 2:
		s.Cordoned++
	case 1:
		s.Limited++
	default:
		s.Ready++
	}
	if n.ReasonSince != nil && (s.OldestCordon == nil || n.ReasonSince.Before(*s.OldestCordon)) {
		s.OldestCordon = n.ReasonSince
	}
	if len(n.Name) > len(s.LongestName) {
		s.LongestName = n.Name
	}
}

// sorted returns the members of a set except "".
func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for v := range set {
		if v != "" {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, compareNames)
	return out
}
