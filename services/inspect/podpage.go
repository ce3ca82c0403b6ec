package inspect

import (
	"cmp"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation/drain"
)

// PodPageSize is how many pods a page holds.
const PodPageSize = 100

// PodQuery is the page, filter and order of the pods of a node. The zero value is the
// first page of all pods by name.
type PodQuery struct {
	Text string // words, each in the namespace, name, owner, budget, state or verdict
	Sort string // one of PodSorts; "" is the first
	Desc bool
	Page int // from 1; 0 is 1
}

// PodSorts returns the orders of pods.
func PodSorts() []string {
	return []string{"name", "verdict", "status", "owner", "restarts", "cpu", "memory", "age"}
}

// Check returns the query with its defaults, or an error that names its wrong fields.
func (q PodQuery) Check() (PodQuery, error) {
	wrong := services.CheckChoice("sort", q.Sort, PodSorts())
	wrong = append(wrong, services.CheckFilters(services.Filter{Field: "q", Value: q.Text})...)
	q.Sort, q.Page = cmp.Or(q.Sort, PodSorts()[0]), max(1, q.Page)
	q.Text = strings.TrimSpace(q.Text)
	if len(wrong) > 0 {
		return q, services.InvalidFields(wrong...)
	}
	return q, nil
}

// PodPage is a page of the pods of a node.
type PodPage struct {
	Query PodQuery // with the page that is shown
	Pods  []Pod
	Match int // pods that the filter lets through
	Total int
	Pages int
}

// Page returns a page; the last one for a page past it. words returns what a verdict is
// called in the reader's language, for the filter.
func (p Pods) Page(q PodQuery, words func(drain.Verdict) string) PodPage {
	matched := make([]Pod, 0, len(p.Pods))
	wanted := strings.Fields(strings.ToLower(q.Text))
	for _, pod := range p.Pods {
		if pod.contains(wanted, words(pod.Judged.Verdict)) {
			matched = append(matched, pod)
		}
	}
	q.order(matched)
	pages := max(1, (len(matched)+PodPageSize-1)/PodPageSize)
	q.Page = min(max(1, q.Page), pages)
	first := (q.Page - 1) * PodPageSize
	shown := matched[first:min(first+PodPageSize, len(matched))]
	return PodPage{Query: q, Pods: shown, Match: len(matched), Total: len(p.Pods), Pages: pages}
}

func (p Pod) contains(words []string, verdict string) bool {
	text := strings.ToLower(strings.Join([]string{
		p.ID(), p.Owner, p.Judged.Budget, p.Phase, string(p.Judged.Verdict), verdict,
	}, "\n"))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// order sorts pods, which are in the order of their names.
func (q PodQuery) order(pods []Pod) {
	slices.SortStableFunc(pods, func(a, b Pod) int {
		if q.Desc {
			a, b = b, a
		}
		return compare(a, b, q.Sort)
	})
}

func compare(a, b Pod, by string) int {
	switch by {
	case "verdict":
		return cmp.Compare(rank(a.Judged.Verdict), rank(b.Judged.Verdict))
	case "status":
		return strings.Compare(a.Phase, b.Phase)
	case "owner":
		return strings.Compare(a.Owner, b.Owner)
	case "restarts":
		return cmp.Compare(a.Restarts, b.Restarts)
	case "cpu":
		return cmp.Compare(a.CPU, b.CPU)
	case "memory":
		return cmp.Compare(a.Memory, b.Memory)
	case "age": // the youngest first
		return b.CreatedAt.Compare(a.CreatedAt)
	default:
		return strings.Compare(a.ID(), b.ID())
	}
}

func rank(v drain.Verdict) int { return slices.Index(drain.Verdicts(), v) }
