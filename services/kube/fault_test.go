package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kube-node-manager/services"
)

var nodes = schema.GroupResource{Resource: "nodes"}

// status returns an answer of the API server that asks to wait for after seconds.
func status(code int32, message string, after int32) error {
	details := &metav1.StatusDetails{RetryAfterSeconds: after}
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Message: message, Details: details}}
}

// explained is an error of client-go and what Explain makes of it.
type explained struct {
	err   error
	code  services.Code
	text  string
	fault Fault
}

func TestExplain_answers(t *testing.T) {
	const uidMismatch = "uid mismatch: the provided object specified uid a, and no existing object was found"
	checkExplained(t, map[string]explained{
		"not found": {
			apierrors.NewNotFound(nodes, "n1"), services.CodeNotFound, "error_node_gone",
			Fault{},
		},
		"forbidden": {
			apierrors.NewForbidden(nodes, "n1", errors.New("no")), services.CodeForbidden, "error_cluster_forbidden",
			Fault{},
		},
		"unauthorized": {
			apierrors.NewUnauthorized("no"), services.CodeForbidden, "error_cluster_credentials",
			Fault{},
		},
		"changed meanwhile": {
			apierrors.NewConflict(nodes, "n1", errors.New("object has been modified")),
			services.CodeConflict, "error_node_changed",
			Fault{Retry: true},
		},
		"replaced (409)": {
			status(409, uidMismatch, 0), services.CodeConflict, "error_node_replaced",
			Fault{},
		},
		"replaced (422)": {
			status(422, "metadata.uid: Invalid value: field is immutable", 0),
			services.CodeConflict, "error_node_replaced",
			Fault{},
		},
		"refused by a webhook": {
			status(422, "denied by policy", 0), services.CodeInvalid, "error_cluster_refused",
			Fault{},
		},
		"throttled": {
			status(429, "slow down", 2), services.CodeUnavailable, "error_cluster_busy",
			Fault{Retry: true, Throttled: true, After: 2 * time.Second},
		},
		"throttled, no wait": {
			status(429, "slow down", 0), services.CodeUnavailable, "error_cluster_busy",
			Fault{Retry: true, Throttled: true},
		},
		"server error": {
			status(500, "etcd", 0), services.CodeUnavailable, "error_cluster_fault",
			Fault{Retry: true, Away: true, Unknown: true},
		},
		"gateway timeout": {
			status(504, "timeout", 1), services.CodeUnavailable, "error_cluster_fault",
			Fault{Retry: true, Away: true, Unknown: true, After: time.Second},
		},
		"unavailable": {
			status(503, "starting", 1), services.CodeUnavailable, "error_cluster_busy",
			Fault{Retry: true, Away: true, Throttled: true, Unknown: true, After: time.Second},
		},
	})
}

func TestExplain_noAnswer(t *testing.T) {
	checkExplained(t, map[string]explained{
		"deadline": {
			fmt.Errorf("patch: %w", context.DeadlineExceeded), services.CodeTimeout, "error_cluster_timeout",
			Fault{Retry: true, Away: true, Unknown: true},
		},
		"cancelled": {
			fmt.Errorf("patch: %w", context.Canceled), services.CodeTimeout, "error_call_cancelled",
			Fault{Unknown: true},
		},
		"no connection": {
			&net.OpError{Op: "dial", Err: errors.New("refused")},
			services.CodeUnavailable, "error_cluster_unreachable",
			Fault{Retry: true, Away: true},
		},
		"cut connection": {
			io.ErrUnexpectedEOF, services.CodeUnavailable, "error_cluster_cut",
			Fault{Retry: true, Away: true, Unknown: true},
		},
	})
}

func checkExplained(t *testing.T, cases map[string]explained) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := Explain(c.err, "patch nodes")
			require.Equal(t, c.code, services.CodeOf(err))
			require.Equal(t, c.text, services.AsError(err).Text)
			require.Equal(t, c.fault, FaultOf(err))
			require.ErrorIs(t, err, c.err, "the cause is lost for the log")
		})
	}
}

func TestExplain_nothingToExplain(t *testing.T) {
	require.NoError(t, Explain(nil, "patch nodes"))
	require.Equal(t, Fault{}, FaultOf(errors.New("not ours")))
}

func TestNodePatch_body(t *testing.T) {
	yes, no, value := true, false, "v"
	for name, c := range map[string]struct {
		patch NodePatch
		want  string
	}{
		"cordon": {
			NodePatch{UID: "u", Unschedulable: &yes},
			`{"metadata":{"uid":"u"},"spec":{"unschedulable":true}}`,
		},
		"uncordon": {
			NodePatch{UID: "u", Unschedulable: &no},
			`{"metadata":{"uid":"u"},"spec":{"unschedulable":null}}`,
		},
		"labels": {
			NodePatch{UID: "u", Labels: map[string]*string{"a": &value, "b": nil}},
			`{"metadata":{"uid":"u","labels":{"a":"v","b":null}}}`,
		},
		"guarded": {
			NodePatch{UID: "u", ResourceVersion: "7", Annotations: map[string]*string{"a": nil}},
			`{"metadata":{"uid":"u","resourceVersion":"7","annotations":{"a":null}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := c.patch.body()
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(body))
		})
	}
}

func TestCauseOf(t *testing.T) {
	require.Equal(t, "etcd is full", CauseOf(Explain(status(500, "etcd is full", 0), "patch nodes")))
	require.Equal(t, "EOF", CauseOf(explainTransport(services.NewError(services.CodeTimeout, "EOF"))))
}
