package handlers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/store"
)

func TestItemRecord(t *testing.T) {
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	end := begin.Add(1500 * time.Millisecond)
	record := itemRecord(t.Context(), batch.Item{
		Node: "=cmd", State: store.ItemFailed, Error: &store.Text{ID: "-no such text"}, Unknown: true, Attempts: 3,
		Before: &change.State{Labels: map[string]*string{"a": new("1")}}, StartedAt: &begin, EndedAt: &end,
	})
	require.Equal(t, []string{"'=cmd", "failed", "'-no such text", "3", "2026-11-23T12:00:00Z", "2026-11-23T12:00:01.5Z", "1.500", `{"labels":{"a":"1"}}`, "", "true"}, record)
	require.Equal(t, []string{"n", "pending", "", "0", "", "", "", "", "", "false"}, itemRecord(t.Context(), batch.Item{Node: "n", State: store.ItemPending}))
}
