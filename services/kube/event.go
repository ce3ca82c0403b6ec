package kube

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// eventTimeout is short: an event that comes late is of no use.
const eventTimeout = 5 * time.Second

// maxNote is how long the text of an event may be, in bytes; see validateV1EventSeries and
// NoteLengthLimit in pkg/apis/core/validation/events.go of Kubernetes.
const maxNote = 1024

// Event is something that this program reports about a node.
type Event struct {
	Node    string
	UID     string // of the node; "" if it is not known
	Warning bool
	Reason  string // a category in CamelCase
	Batch   string // that causes it
	Text    string
	At      time.Time
}

// Record creates an event about a node, which kubectl describe node shows. Recording the
// same event again changes nothing. Events about what has no namespace are in "default".
func (c *Client) Record(ctx context.Context, e Event) error {
	if err := checkNodeName(e.Node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	err := c.writes.Post().Resource("events").Namespace(metav1.NamespaceDefault).
		MaxRetries(0).
		Body(e.object()).
		Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		return nil // an earlier try has worked
	}
	return Explain(err, CreateEvents().String())
}

// CreateEvents is the call that records events about nodes.
func CreateEvents() Call {
	return Call{Verb: "create", Resource: "events", Namespace: metav1.NamespaceDefault}
}

// object returns the event in the form that all versions of kubectl sort and show. kubectl
// describe looks for the UID of the node; kubelets use the node's name instead, which it
// looks for, too.
func (e Event) object() *corev1.Event {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	at := metav1.NewTime(e.At)
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s.%x", e.Node, e.At.UnixNano()), Namespace: metav1.NamespaceDefault,
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Node", Name: e.Node, UID: types.UID(cmp.Or(e.UID, e.Node)),
		},
		Type: kind, Reason: e.Reason, Message: clip(LifecycleMessage(e.Batch, e.Text), maxNote),
		Source: corev1.EventSource{Component: FieldManager}, ReportingController: FieldManager,
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}
}

// clip cuts a text to a number of bytes, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := 0
	for i := range text {
		if i > most {
			break
		}
		end = i
	}
	return text[:end]
}
