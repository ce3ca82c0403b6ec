package batches

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/views/ui"
)

// ItemColumns are the columns of a batch's nodes and of its report as CSV, in the
// order of both. The CSV does not need b and now.
func ItemColumns(ctx context.Context, b batch.Batch, now time.Time) []ui.Column[batch.Item] {
	return []ui.Column[batch.Item]{
		{
			Title: "col_node", Cell: ofBatchCell(b, itemNodeCell),
			CSV: "node", Value: func(it batch.Item) string { return it.Node },
		},
		{
			Title: "col_state", Cell: ofBatchCell(b, itemStateCell),
			CSV: "state", Value: func(it batch.Item) string { return string(it.State) },
		},
		{CSV: "error", Value: func(it batch.Item) string { return errorText(ctx, it) }},
		{Title: "col_change", Cell: itemChangeCell},
		{
			Title: "col_tries", Class: "num", Cell: itemTriesCell,
			CSV: "attempts", Value: func(it batch.Item) string { return strconv.Itoa(it.Attempts) },
		},
		{CSV: "started", Value: func(it batch.Item) string { return timeText(it.StartedAt) }},
		{Title: "col_took", Class: "num", Cell: ui.CellAt(now, itemTookCell)},
		{
			Title: "col_ended", Class: "num", Cell: itemEndedCell,
			CSV: "ended", Value: func(it batch.Item) string { return timeText(it.EndedAt) },
		},
		{CSV: "seconds", Value: secondsText},
		{CSV: "before", Value: func(it batch.Item) string { return stateText(it.Before) }},
		{CSV: "after", Value: func(it batch.Item) string { return stateText(it.After) }},
		{CSV: "mayHaveChanged", Value: func(it batch.Item) string { return strconv.FormatBool(it.Unknown) }},
		{CSV: "restarted", Value: func(it batch.Item) string { return strings.Join(stateOf(it.After).Restarted, " ") }},
	}
}

// ofBatchCell returns a function for Column.Cell from one that also takes the batch.
func ofBatchCell(b batch.Batch, cell func(batch.Batch, batch.Item) templ.Component) func(batch.Item) templ.Component {
	return func(it batch.Item) templ.Component { return cell(b, it) }
}

func errorText(ctx context.Context, it batch.Item) string {
	if it.Error == nil {
		return ""
	}
	return ui.Text(ctx, *it.Error)
}

// timeText returns a time for a script, "" for none.
func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// secondsText returns how long an item took, "" when it has not ended.
func secondsText(it batch.Item) string {
	if it.StartedAt == nil || it.EndedAt == nil {
		return ""
	}
	return strconv.FormatFloat(it.EndedAt.Sub(*it.StartedAt).Seconds(), 'f', 3, 64)
}

// stateText returns a state as JSON, "" when it is not known.
func stateText(s *change.State) string {
	if s == nil {
		return ""
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(raw)
}
