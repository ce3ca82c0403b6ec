package handlers

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// BatchesReport answers every node of a batch as CSV.
func (h *Handlers) BatchesReport(w http.ResponseWriter, r *http.Request) error {
	b, items, err := h.Batches.Report(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	if err := h.Audit.Export(r.Context(), store.ActionBatchExport, b.Cluster, b.ID); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="batch-%s.csv"`, b.ID))
	w.Header().Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"node", "state", "error", "attempts", "started", "ended", "seconds", "before", "after", "mayHaveChanged"})
	written := 0
	for it, err := range items {
		if err != nil {
			panic(http.ErrAbortHandler) // as in AuditCSV: a connection that breaks off says that this is not all
		}
		_ = out.Write(itemRecord(r.Context(), it))
		if written++; written%500 == 0 {
			out.Flush()
		}
	}
	out.Flush() // a failing write means that the reader has gone
	return nil
}

func itemRecord(ctx context.Context, it batch.Item) []string {
	text, seconds := "", ""
	if it.Error != nil {
		text = ui.Text(ctx, *it.Error)
	}
	if it.StartedAt != nil && it.EndedAt != nil {
		seconds = strconv.FormatFloat(it.EndedAt.Sub(*it.StartedAt).Seconds(), 'f', 3, 64)
	}
	record := []string{
		it.Node, string(it.State), text, strconv.Itoa(it.Attempts), moment(it.StartedAt), moment(it.EndedAt), seconds,
		stateCell(it.Before), stateCell(it.After), strconv.FormatBool(it.Unknown),
	}
	for i, cell := range record {
		record[i] = harmless(cell)
	}
	return record
}

// harmless keeps a spreadsheet from reading a cell as a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// stateCell writes a state as JSON has it, "" when it is not known.
func stateCell(s *change.State) string {
	if s == nil {
		return ""
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(raw)
}

// moment writes a time for a machine, "" when there is none.
func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
