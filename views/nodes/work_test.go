package nodes_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/viewstest"
)

// A node that waits for the lease of somebody else is not shown as one that is worked on.
func TestTable_waitsForALease(t *testing.T) {
	n := sampleNodes()[0]
	v := changedNodes(func(v *nodes.ListView) {
		v.Work = map[node.Ref]*batch.Work{n.Ref(): {Batch: "b1", Operation: "drain", Lease: &batch.LeaseWait{
			Node: n.Name, Holder: "node-maintenance", Until: time.Date(2026, 11, 26, 14, 5, 0, 0, time.UTC),
		}}}
	})
	for locale, says := range map[string]string{
		"en": "Drain waits for node-maintenance", "zh-CN": "排空正在等待 node-maintenance",
	} {
		chip := viewstest.Document(t, viewstest.Render(t, locale, nodes.Table(v))).Find(".chip.work")
		require.Equal(t, says, viewstest.Squeezed(chip))
		require.Contains(t, chip.AttrOr("title", ""), "14:05")
	}
	v.Work[n.Ref()].Lease = nil
	chip := viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(v))).Find(".chip.work")
	require.Equal(t, "Drain", viewstest.Squeezed(chip))
}
