package batches

import (
	"context"
	"net/url"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// ListView is a page of the history.
type ListView struct {
	Page    batch.Page
	Problem *ui.Problem // what is wrong with the filters
	Now     time.Time
}

// listColumns are the columns of the history.
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
	return ui.WithQuery(ui.AllBatchesURL, values)
}

// OlderURL gives the page after this one.
func OlderURL(p batch.Page) string {
	u, _ := url.Parse(HistoryURL(p.Query)) // it is ours
	values := u.Query()
	values.Set("before", p.Older)
	return ui.WithQuery(u.Path, values)
}

// withoutNode is a query of the history for all nodes.
func withoutNode(q batch.Query) string {
	q.Node = ""
	return HistoryURL(q)
}

// filtered reports whether a query of the history asks for less than all.
func filtered(q batch.Query) bool { return HistoryURL(q) != ui.AllBatchesURL }

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

// clusterOptions are the clusters of the rail, and the one that is asked for
// when it is gone from there.
func clusterOptions(f ui.Frame, asked string) []ui.Option {
	var out []ui.Option
	gone := asked != ""
	for _, c := range f.Clusters {
		out = append(out, ui.Option{Value: c.Name, Text: c.Name})
		gone = gone && c.Name != asked
	}
	if gone {
		out = append(out, ui.Option{Value: asked, Text: asked})
	}
	return out
}
