package batches

import (
	"context"
	"net/url"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// ListView is a page of the list of batches.
type ListView struct {
	Page    batch.Page
	Group   *Group      // whose batches they are; nil for none
	Problem *ui.Problem // what is wrong with the filters
	Now     time.Time
}

// listColumns are the columns of the list.
func listColumns(v ListView) []ui.Column[batch.View] {
	return []ui.Column[batch.View]{
		{Title: "col_batch", Class: "name", Cell: batchCell},
		{Title: "col_state", Cell: stateCell},
		{Title: "col_cluster", Cell: clusterCell},
		{Title: "col_result", Cell: resultCell},
		{Title: "reason", Cell: reasonCell},
		{Title: "col_by", Cell: byCell},
		{Title: "col_took", Class: "num", Cell: tookCell},
		{Title: "col_started", Cell: ui.CellAt(v.Now, createdCell)},
	}
}

// HistoryURL returns the list of the batches that match a query, newest first.
func HistoryURL(q batch.Query) string { return ui.WithQuery(ui.AllBatchesURL, filters(q)) }

// filters returns the parameters of a query that are set.
func filters(q batch.Query) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"cluster": q.Cluster, "operation": q.Operation, "state": q.State, "by": q.By,
		"since": q.Since, "from": q.From, "to": q.To, "node": q.Node, "q": q.Text,
		"group": q.Group,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// OlderURL returns the page of older batches.
func OlderURL(p batch.Page) string {
	values := filters(p.Query)
	values.Set("before", p.Older)
	return ui.WithQuery(ui.AllBatchesURL, values)
}

// withoutNode returns the address of the list for all nodes.
func withoutNode(q batch.Query) string {
	q.Node = ""
	return HistoryURL(q)
}

// filtered reports whether a filter is set.
func filtered(q batch.Query) bool { return len(filters(q)) > 0 }

func operationOptions(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, name := range batch.Operations() {
		out = append(out, ui.Option{Value: name, Text: ui.OperationName(ctx, name)})
	}
	return out
}

func stateOptions(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, s := range batch.States() {
		out = append(out, ui.Option{Value: string(s), Text: stateWord(ctx, s)})
	}
	return out
}

// clusterOptions are the clusters of the rail, and that of the filter even if it no
// longer exists.
func clusterOptions(f ui.Frame, filter string) []ui.Option {
	var out []ui.Option
	gone := filter != ""
	for _, c := range f.Clusters {
		out = append(out, ui.Option{Value: c.Name, Text: c.Name})
		gone = gone && c.Name != filter
	}
	if gone {
		out = append(out, ui.Option{Value: filter, Text: filter})
	}
	return out
}
