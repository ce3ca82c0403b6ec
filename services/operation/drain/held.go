package drain

import (
	"errors"
	"time"
)

// ErrForeign says that a cordon is not lifted, because it is not the drain's.
var ErrForeign = errors.New("the cordon is not of this drain")

// HeldError says that a node cannot be worked on yet, because somebody else has its lease.
type HeldError struct {
	Holder string
	Until  time.Time
	Again  time.Duration // until it is looked at again
}

// Error implements error.
func (e *HeldError) Error() string { return "the lease of the node is held by " + e.Holder }
