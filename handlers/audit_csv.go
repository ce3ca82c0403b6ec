package handlers

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"kube-node-manager/services/audit"
)

// flushEvery is how many entries are handed over at once.
const flushEvery = 500

// AuditCSV answers every entry that the filters of AuditList let through.
func (h *Handlers) AuditCSV(w http.ResponseWriter, r *http.Request) error {
	q, err := auditQuery(r)
	if err != nil {
		return err
	}
	entries, err := h.Audit.All(r.Context(), q)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="audit.csv"`)
	w.Header().Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"id", "at", "actor", "address", "requestId", "action", "cluster", "object", "before", "after", "reason", "result"})
	written := 0
	for e, err := range entries {
		if err != nil {
			// What has gone out cannot be taken back; a connection that breaks
			// off tells the reader that this is not all.
			panic(http.ErrAbortHandler)
		}
		_ = out.Write(auditRecord(e))
		if written++; written%flushEvery == 0 {
			out.Flush()
		}
	}
	out.Flush() // a failing write means that the reader has gone
	return nil
}

func auditRecord(e audit.Entry) []string {
	record := []string{
		strconv.FormatInt(e.ID, 10), e.At.UTC().Format(time.RFC3339Nano), e.Actor, e.Address, e.RequestID, string(e.Action),
		e.Cluster, e.Object, string(e.Before), string(e.After), e.Reason, string(e.Result),
	}
	for i, cell := range record {
		record[i] = harmless(cell)
	}
	return record
}
