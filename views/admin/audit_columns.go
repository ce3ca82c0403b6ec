package admin

import (
	"strconv"
	"time"

	"kube-node-manager/services/audit"
	"kube-node-manager/views/ui"
)

// AuditColumns are the columns of the log and of its CSV, in the order of both.
// Two of them are listed twice, because they are elsewhere in the CSV than in the
// table. The CSV does not need now.
func AuditColumns(now time.Time) []ui.Column[audit.Entry] {
	return []ui.Column[audit.Entry]{
		{CSV: "id", Value: func(e audit.Entry) string { return strconv.FormatInt(e.ID, 10) }},
		{
			Title: "audit_when", Cell: ui.CellAt(now, auditWhenCell),
			CSV: "at", Value: func(e audit.Entry) string { return e.At.UTC().Format(time.RFC3339Nano) },
		},
		{Title: "audit_actor", Cell: auditActorCell, CSV: "actor", Value: func(e audit.Entry) string { return e.Actor }},
		{CSV: "address", Value: func(e audit.Entry) string { return e.Address }},
		{CSV: "requestId", Value: func(e audit.Entry) string { return e.RequestID }},
		{
			Title: "audit_action", Cell: auditActionCell,
			CSV: "action", Value: func(e audit.Entry) string { return string(e.Action) },
		},
		{CSV: "cluster", Value: func(e audit.Entry) string { return e.Cluster }},
		{Title: "audit_object", Cell: auditObjectCell, CSV: "object", Value: func(e audit.Entry) string { return e.Object }},
		{Title: "col_cluster", Cell: auditClusterCell},
		{CSV: "before", Value: func(e audit.Entry) string { return string(e.Before) }},
		{CSV: "after", Value: func(e audit.Entry) string { return string(e.After) }},
		{CSV: "reason", Value: func(e audit.Entry) string { return e.Reason }},
		{
			Title: "col_result", Cell: auditResultCell,
			CSV: "result", Value: func(e audit.Entry) string { return string(e.Result) },
		},
		{Title: "audit_note", Cell: auditNoteCell},
		{Title: "audit_address", Cell: auditAddressCell},
	}
}
