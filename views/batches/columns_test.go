package batches_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

func TestItemColumns_csv(t *testing.T) {
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	end := begin.Add(1500 * time.Millisecond)
	failed := batch.Item{
		Node: "=cmd", State: store.ItemFailed, Error: &store.Text{ID: "-no such text"}, Unknown: true, Attempts: 3,
		Before: &change.State{Labels: map[string]*string{"a": new("1")}}, StartedAt: &begin, EndedAt: &end,
		After: &change.State{Notes: change.Notes{Restarted: []string{"shop/api", "shop/web"}}},
	}
	columns := batches.ItemColumns(t.Context(), batch.Batch{}, time.Time{})
	var out strings.Builder
	require.NoError(t, ui.WriteCSV(&out, columns, func(yield func(batch.Item, error) bool) {
		_ = yield(failed, nil) && yield(batch.Item{Node: "n", State: store.ItemPending}, nil)
	}))
	require.Equal(t, "node,state,error,attempts,started,ended,seconds,before,after,mayHaveChanged,restarted\n"+
		`'=cmd,failed,'-no such text,3,2026-11-23T12:00:00Z,2026-11-23T12:00:01.5Z,1.500,`+
		`"{""labels"":{""a"":""1""}}","{""restarted"":[""shop/api"",""shop/web""]}",true,shop/api shop/web`+"\n"+
		"n,pending,,0,,,,,,false,\n", out.String())
}
