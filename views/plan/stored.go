package plan

import (
	"time"

	"kube-node-manager/services/batch"
)

// Stored is the batch whose plan is shown, before it begins.
type Stored struct {
	Batch      batch.Batch
	Now        time.Time
	Asks       bool // it waits for an approval
	MayApprove bool // by the user, who has not made it
}
