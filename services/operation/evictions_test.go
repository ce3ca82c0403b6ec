package operation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/change"
	"kube-node-manager/services/node"
)

func TestMovesPods_isTrueForWhatMakesPodsComeOrGo(t *testing.T) {
	evicting := node.Taint{Key: "maint", Effect: "NoExecute"}
	quiet := node.Taint{Key: "maint", Effect: "NoSchedule"}
	yes, no := true, false
	taintGone := Record{
		Before: change.State{Taints: map[string]*node.Taint{evicting.ID(): &evicting}},
		After:  change.State{Taints: map[string]*node.Taint{evicting.ID(): nil}},
	}
	quietGone := Record{
		Before: change.State{Taints: map[string]*node.Taint{quiet.ID(): &quiet}},
		After:  change.State{Taints: map[string]*node.Taint{quiet.ID(): nil}},
	}
	for name, c := range map[string]struct {
		op   Operation
		want bool
	}{
		"cordon":            {cordon{unschedulable: true}, false},
		"uncordon":          {cordon{}, true},
		"drain":             {draining{cordon: cordon{unschedulable: true}}, true},
		"delete-pod":        {deletePod{}, true},
		"taint NoSchedule":  {tainting{TaintParams: TaintParams{Set: []node.Taint{quiet}}}, false},
		"taint NoExecute":   {tainting{TaintParams: TaintParams{Set: []node.Taint{evicting}}}, true},
		"NoExecute removed": {tainting{TaintParams: TaintParams{Remove: []node.Taint{evicting}}}, false},
		"copy of NoExecute": {newCopying(CopyParams{Taints: []node.Taint{evicting}}, Protection{}), true},
		"undo of a cordon": {
			undoing{
				records: map[string]Record{
					"a": {Before: change.State{Unschedulable: &no}, After: change.State{Unschedulable: &yes}},
				},
			},
			true,
		},
		"undo of a NoExecute's end":  {undoing{records: map[string]Record{"a": taintGone}}, true},
		"undo of a NoSchedule's end": {undoing{records: map[string]Record{"a": quietGone}}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.op.MovesPods()) })
	}
}
