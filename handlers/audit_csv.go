package handlers

import (
	"net/http"
	"time"

	"kube-node-manager/views/admin"
)

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
	return writeCSV(w, "audit", admin.AuditColumns(time.Time{}), entries)
}
