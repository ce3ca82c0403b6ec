package handlers

import (
	"net/http"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
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
	columns := batches.ItemColumns(r.Context(), batch.Batch{}, time.Time{})
	return writeCSV(w, "batch-"+b.ID, columns, items)
}
