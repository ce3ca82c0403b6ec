package views

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
)

// BatchesView is a page of the history.
type BatchesView struct {
	Page    batch.Page
	Problem *Problem // what is wrong with the filters
	Now     time.Time
}

// HistoryURL gives the history that a query asks for, from the newest batch.
func HistoryURL(q batch.Query) string {
	values := url.Values{}
	for name, value := range map[string]string{
		"cluster": q.Cluster, "operation": q.Operation, "state": q.State, "by": q.By,
		"since": q.Since, "from": q.From, "to": q.To, "node": q.Node, "q": q.Text,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return withQuery(AllBatchesURL, values)
}

// OlderBatchesURL gives the page after this one.
func OlderBatchesURL(p batch.Page) string {
	u, _ := url.Parse(HistoryURL(p.Query)) // it is ours
	values := u.Query()
	values.Set("before", p.Older)
	return withQuery(u.Path, values)
}

// ReportURL gives every node of a batch as CSV.
func ReportURL(id string) string { return BatchURL(id) + "/report.csv" }

// ItemsURL gives the page of a batch with some of its nodes; what q leaves at
// its default is left out.
func ItemsURL(id string, q batch.ItemQuery) string {
	values := url.Values{}
	if q.State != "" {
		values.Set("state", q.State)
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	return withQuery(BatchURL(id), values)
}

// historyWithoutNode is a query of the history for all nodes.
func historyWithoutNode(q batch.Query) string {
	q.Node = ""
	return HistoryURL(q)
}

// sinceOptions are the spans of time that end now.
func sinceOptions(ctx context.Context) []option {
	var out []option
	for _, since := range services.Sinces() {
		out = append(out, option{since, T(ctx, "since_"+since)})
	}
	return out
}

// historyFiltered reports whether a query of the history asks for less than all.
func historyFiltered(q batch.Query) bool { return HistoryURL(q) != AllBatchesURL }

func operationOptions(ctx context.Context) []option {
	var out []option
	for _, name := range batch.Operations() {
		out = append(out, option{name, operationName(ctx, name)})
	}
	return out
}

func stateOptions(ctx context.Context) []option {
	var out []option
	for _, s := range batch.States() {
		out = append(out, option{string(s), stateWord(ctx, s)})
	}
	return out
}

// clusterOptions are the clusters of the rail, and the one that is asked for
// when it is gone from there.
func clusterOptions(f Frame, asked string) []option {
	var out []option
	gone := asked != ""
	for _, c := range f.Clusters {
		out = append(out, option{c.Name, c.Name})
		gone = gone && c.Name != asked
	}
	if gone {
		out = append(out, option{asked, asked})
	}
	return out
}

// itemTab is a state that a page of nodes can be limited to.
type itemTab struct {
	Word    string
	Kind    string // of the shape; "" for the first, which is all
	Count   int
	URL     string
	Current bool
}

// itemTabs are all nodes, and each state that some of them have. Where all are
// in one state there is nothing to choose.
func itemTabs(ctx context.Context, v BatchPageView) []itemTab {
	id, state := v.Batch.ID, v.Query.State
	tabs := []itemTab{{Word: T(ctx, "items_all"), Count: v.Counts.Total(), URL: ItemsURL(id, batch.ItemQuery{}), Current: state == ""}}
	for _, s := range batch.ItemStates() {
		if n := v.Counts.Of(s); n > 0 || string(s) == state {
			tabs = append(tabs, itemTab{itemWord(ctx, v.Batch.Batch, s), itemKind(s), n, ItemsURL(id, batch.ItemQuery{State: string(s)}), string(s) == state})
		}
	}
	if len(tabs) < 3 && state == "" {
		return nil
	}
	return tabs
}

// itemRange gives the numbers of the first and the last node of a page.
func itemRange(p batch.ItemPage) (first, last int) {
	if len(p.Items) == 0 {
		return 0, 0
	}
	first = (p.Query.Page-1)*batch.ItemPageSize + 1
	return first, first + len(p.Items) - 1
}

// turned gives a query for another page.
func turned(q batch.ItemQuery, by int) batch.ItemQuery {
	q.Page += by
	return q
}

// errorGroups are the groups that a page shows.
func errorGroups(p batch.ItemPage) []batch.ItemErrors {
	return p.Errors[:min(len(p.Errors), batch.ErrorsShown)]
}
