package kubetest

import (
	"encoding/json"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExpiredWatch answers a watch as an API server does whose history no longer reaches back
// to where the watch begins. It is the Handler of a [Fault].
func ExpiredWatch(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // The client may be gone.
		"type": "ERROR",
		"object": metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired,
			Message: "too old resource version: 1 (2)",
		},
	})
}
