package kube

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// An API server that starts refuses everything: that is not its last word.
func TestDoubt(t *testing.T) {
	for name, tt := range map[string]struct {
		refusal, ready int
		retry          bool
	}{
		"of a server that is ready":     {refusal: http.StatusForbidden, ready: http.StatusOK},
		"of one that is not":            {refusal: http.StatusForbidden, ready: http.StatusInternalServerError, retry: true},
		"of one that does not know us":  {refusal: http.StatusUnauthorized, ready: http.StatusUnauthorized, retry: true},
		"of one that denies us /readyz": {refusal: http.StatusForbidden, ready: http.StatusForbidden, retry: true},
		"no refusal, and not ready":     {refusal: http.StatusUnprocessableEntity, ready: http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := observed(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/readyz" {
					answerWith(tt.ready)(w, r)
					return
				}
				answerWith(tt.refusal)(w, r)
			})
			_, patched := c.PatchNode(t.Context(), "a", NodePatch{})
			_, read := c.GetNode(t.Context(), "a")
			_, listed := c.ListNodePods(t.Context(), "a")
			_, evicted := c.EvictPod(t.Context(), "shop", "web", "1", time.Second)
			for _, err := range []error{patched, read, listed, evicted} {
				require.Equal(t, tt.retry, FaultOf(err).Retry, "%v", err)
				require.Equal(t, tt.refusal != http.StatusUnprocessableEntity, services.CodeOf(err) == services.CodeForbidden)
			}
		})
	}
}

// The program asks in its own name, also while it acts as a person.
func TestDoubt_ofAPerson(t *testing.T) {
	asked := make(chan string, 10)
	c, _ := observed(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path + " " + r.Header.Get("Impersonate-User")
		answerWith(http.StatusForbidden)(w, r)
	})
	ctx := ActingAs(t.Context(), Person{User: "ada"})
	_, err := c.PatchNode(ctx, "a", NodePatch{})
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, "/api/v1/nodes/a ada", <-asked)
	require.Equal(t, "/readyz ", <-asked)
}
