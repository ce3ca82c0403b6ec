package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// word returns a short word for a type of condition.
func word(kind corev1.NodeConditionType) string {
	switch kind {
	case corev1.NodeMaintenancePlanned:
		return "Planned"
	case corev1.NodeDrainInProgress:
		return "Draining"
	case corev1.NodeMaintenanceInProgress:
		return "Busy"
	default:
		return string(kind)
	}
}

// withConditions returns a node with conditions of a batch that hold, such as "Planned", or
// do not, "-Planned", or of somebody else: "other:Planned".
func withConditions(cordoned bool, conditions ...string) *corev1.Node {
	n := &corev1.Node{Spec: corev1.NodeSpec{Unschedulable: cordoned}}
	for _, text := range conditions {
		text, foreign := strings.CutPrefix(text, "other:")
		text, not := strings.CutPrefix(text, "-")
		c := corev1.NodeCondition{
			Status: corev1.ConditionTrue, Message: LifecycleMessage("b0", "before"),
			LastTransitionTime: metav1.NewTime(time.Unix(1000, 0)),
		}
		for _, kind := range LifecycleConditions() {
			if word(kind) == text {
				c.Type = kind
			}
		}
		if not {
			c.Status = corev1.ConditionFalse
		}
		if foreign {
			c.Message = "a storm is coming"
		}
		n.Status.Conditions = append(n.Status.Conditions, c)
	}
	return n
}

func words(conditions []corev1.NodeCondition) string {
	var out []string
	for _, c := range conditions {
		sign := ""
		if c.Status != corev1.ConditionTrue {
			sign = "-"
		}
		out = append(out, sign+word(c.Type))
	}
	return strings.Join(out, " ")
}

func TestNotice_changes(t *testing.T) {
	for name, test := range map[string]struct {
		at   Stage
		node *corev1.Node
		want string
	}{
		"planned":              {StagePlanned, withConditions(false), "Planned"},
		"begun":                {StageDraining, withConditions(true, "Planned"), "Planned Draining"},
		"begun at once":        {StageDraining, withConditions(true), "Planned Draining"},
		"drained":              {StageDrained, withConditions(true, "Draining"), "-Draining Drained Busy"},
		"failed":               {StageHalted, withConditions(true, "Planned", "Draining"), "Planned -Draining"},
		"failed, never closed": {StageHalted, withConditions(false, "Planned"), "-Planned"},
		"over":                 {StageNone, withConditions(false, "Drained", "Busy", "-Planned"), "-Drained -Busy"},
		"over, nothing said":   {StageNone, withConditions(false), ""},
		"uncordoned since":     {StageDrained, withConditions(false, "Draining"), "-Draining"},
		"drained, again":       {StagePlanned, withConditions(true, "Drained", "Busy"), ""},
		"again, begun":         {StageDraining, withConditions(true, "Drained"), "Planned Draining -Drained"},
		"cancelled":            {StageUnplanned, withConditions(true, "Planned"), "-Planned"},
		"cancelled, drained":   {StageUnplanned, withConditions(true, "Drained", "Busy"), ""},
		"planned by others":    {StagePlanned, withConditions(false, "other:Planned"), ""},
		"others stay":          {StageNone, withConditions(false, "other:Drained", "Busy"), "-Busy"},
		"others said no":       {StagePlanned, withConditions(false, "other:-Planned"), "Planned"},
		"others drained it":    {StagePlanned, withConditions(true, "other:Drained"), "Planned"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(2000, 0)
			s := Notice{Stage: test.at, Batch: "b1", Text: "x"}
			changed := s.changes(test.node, now)
			require.Equal(t, test.want, words(changed))
			for _, c := range changed {
				batch, own := BatchOfCondition(c.Message)
				require.True(t, own)
				require.Equal(t, "b1", batch)
			}
			require.Empty(t, s.changes(after(test.node, changed), now), "it is said once")
		})
	}
}

// after returns the node with changed conditions.
func after(n *corev1.Node, changed []corev1.NodeCondition) *corev1.Node {
	n = n.DeepCopy()
	for _, c := range changed {
		if old := conditionOf(n, c.Type); old != nil {
			*old = c
		} else {
			n.Status.Conditions = append(n.Status.Conditions, c)
		}
	}
	return n
}

// A condition that holds on says since when, whichever batch it is of.
func TestNotice_changesKeepTheTransition(t *testing.T) {
	n := withConditions(true, "Planned")
	changed := Notice{Stage: StageDraining, Batch: "b1"}.changes(n, time.Unix(2000, 0))
	require.Equal(t, int64(1000), changed[0].LastTransitionTime.Unix())
	require.Equal(t, int64(2000), changed[1].LastTransitionTime.Unix())
}
