package batch

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube"
)

// A run that has ended begins no other node, also when a place becomes free at that moment.
func TestPace_beginsNothingAfterItsEnd(t *testing.T) {
	end := errors.New("the cluster refuses")
	for range 200 { // a choice between two that are ready is random
		p := newPace(t.Context(), kube.NewLimiter(), Rollout{Parallel: 1}, false, func() {})
		require.NoError(t, p.enter())
		p.stop(end)
		p.leave()
		require.ErrorIs(t, p.enter(), end)
	}
}
