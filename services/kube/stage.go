package kube

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Stage is where a node is in its maintenance, as its conditions say it. A drain is what
// begins maintenance: a cordon alone says for itself that no new pods come.
type Stage int

const (
	// StageNone: nothing is planned, or it is over.
	StageNone Stage = iota
	// StageUnplanned: what was planned is not done. What was done before it stands.
	StageUnplanned
	// StagePlanned: a drain has the node, and does not work on it: it has not begun, or was
	// interrupted.
	StagePlanned
	// StageDraining: its pods are being evicted.
	StageDraining
	// StageDrained: its pods are gone. The node is in the hands of whoever maintains it,
	// until it is uncordoned.
	StageDrained
	// StageHalted: its drain has failed. The node stays cordoned.
	StageHalted
)

// Notice is what a node is to say of its maintenance.
type Notice struct {
	Stage  Stage
	UID    string // of the node; "" for whichever has the name
	Batch  string // that causes it
	Reason string // a category, as Kubernetes wants it
	Text   string // of the message
	// Holds reports, right before the notice is written, whether it is still right; nil
	// for one that is.
	Holds func() bool
}

// Conditions returns which conditions hold at a stage.
func (s Stage) Conditions() map[corev1.NodeConditionType]bool {
	return map[corev1.NodeConditionType]bool{
		corev1.NodeMaintenancePlanned:    s == StagePlanned || s == StageDraining || s == StageHalted,
		corev1.NodeDrainInProgress:       s == StageDraining,
		corev1.NodeDrained:               s == StageDrained,
		corev1.NodeMaintenanceInProgress: s == StageDrained,
	}
}

// On returns the stage of a node as it is; drained says that the node says so because of
// this program. A node that takes pods again is not in
// maintenance, whoever has uncordoned it; one that was drained before stays so until
// another drain begins.
func (s Stage) On(cordoned, drained bool) Stage {
	switch {
	case (s == StagePlanned || s == StageUnplanned) && cordoned && drained:
		return StageDrained
	case s != StagePlanned && !cordoned:
		return StageNone
	default:
		return s
	}
}

// changes returns the conditions of a node that have to change so that it says the
// notice. What somebody else says stays: a condition that is true and not ours.
func (n Notice) changes(of *corev1.Node, now time.Time) []corev1.NodeCondition {
	at := n.Stage.On(of.Spec.Unschedulable, isOurs(of, corev1.NodeDrained))
	var changed []corev1.NodeCondition
	for _, kind := range LifecycleConditions() {
		wanted := at.Conditions()[kind]
		old := conditionOf(of, kind)
		if n.keeps(old, wanted, at) {
			continue
		}
		changed = append(changed, n.condition(kind, wanted, old, now))
	}
	return changed
}

// keeps reports whether a condition stays as it is.
func (n Notice) keeps(old *corev1.NodeCondition, wanted bool, at Stage) bool {
	if old == nil {
		return !wanted
	}
	holds := old.Status == corev1.ConditionTrue
	_, own := BatchOfCondition(old.Message)
	switch {
	case holds && !own:
		return true
	case holds && wanted:
		return at != n.Stage || old.Message == n.message()
	default:
		return holds == wanted
	}
}

func (n Notice) message() string { return LifecycleMessage(n.Batch, n.Text) }

// condition returns the new state of a condition.
func (n Notice) condition(
	kind corev1.NodeConditionType, holds bool, old *corev1.NodeCondition, now time.Time,
) corev1.NodeCondition {
	c := corev1.NodeCondition{
		Type: kind, Status: corev1.ConditionFalse, Reason: n.Reason, Message: n.message(),
		LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	}
	if holds {
		c.Status = corev1.ConditionTrue
	}
	if old != nil && old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	return c
}

func conditionOf(n *corev1.Node, kind corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == kind {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

// isOurs reports whether a condition holds, and this program has set it.
func isOurs(n *corev1.Node, kind corev1.NodeConditionType) bool {
	c := conditionOf(n, kind)
	if c == nil || c.Status != corev1.ConditionTrue {
		return false
	}
	_, own := BatchOfCondition(c.Message)
	return own
}

// Tell has a node say what a notice says, as far as it does not yet. If the node changes
// meanwhile, the error says that a retry makes sense. It reports whether it has written.
func (c *Client) Tell(ctx context.Context, name string, n Notice, now time.Time) (written bool, err error) {
	found, err := c.GetNode(ctx, name)
	if err != nil {
		return false, err
	}
	if n.UID != "" && string(found.UID) != n.UID || n.Holds != nil && !n.Holds() {
		return false, nil
	}
	conditions := n.changes(found, now)
	if len(conditions) == 0 {
		return false, nil
	}
	p := statusPatch{UID: string(found.UID), ResourceVersion: found.ResourceVersion, Conditions: conditions}
	return true, c.patchNodeStatus(ctx, name, p)
}
