package plan

import (
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// Stored is the batch whose plan is shown, before it begins.
type Stored struct {
	Batch      batch.Batch   // or a group, with its id and what its batches have in common
	Members    []batch.Batch // of a group
	Now        time.Time
	Asks       bool // it waits for an approval
	MayApprove bool // by the user, who has not made it
}

// back returns the page of the batch, or of the group.
func (s Stored) back() string {
	if len(s.Members) > 0 {
		return batches.GroupURL(s.Batch.ID)
	}
	return ui.BatchURL(s.Batch.ID)
}
