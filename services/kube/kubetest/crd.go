package kubetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// Resource is a kind of object that a cluster does not have by itself.
type Resource struct {
	Group, Version, Kind, Plural string
}

// path returns the path of the objects in a namespace.
func (r Resource) path(namespace string) string {
	return fmt.Sprintf("/apis/%s/%s/namespaces/%s/%s", r.Group, r.Version, namespace, r.Plural)
}

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// Install adds a kind of namespaced objects to the cluster, with whatever content, and
// waits until it is served. It is deleted with its objects when the test ends.
func (c *Cluster) Install(t testing.TB, r Resource) {
	t.Helper()
	name := r.Plural + "." + r.Group
	definition := map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"group": r.Group, "scope": "Namespaced",
			"names": map[string]any{"kind": r.Kind, "listKind": r.Kind + "List", "plural": r.Plural},
			"versions": []any{map[string]any{
				"name": r.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object", "x-kubernetes-preserve-unknown-fields": true,
				}},
			}},
		},
	}
	err := c.post(t.Context(), definitions, definition)
	if !apierrors.IsAlreadyExists(err) {
		require.NoError(t, err)
	}
	t.Cleanup(func() { c.uninstall(t, name) })
	c.Eventually(t, func(ctx context.Context) error {
		return c.rest().Get().AbsPath(r.path("default")).Do(ctx).Error()
	})
	// The group is listed a moment later.
	c.Eventually(t, func(ctx context.Context) error {
		raw, err := c.rest().Get().AbsPath("/apis/" + r.Group + "/" + r.Version).Do(ctx).Raw()
		if err == nil && !bytes.Contains(raw, []byte(`"`+r.Plural+`"`)) {
			err = fmt.Errorf("%s are not listed yet", r.Plural)
		}
		return err
	})
}

// uninstall deletes a kind, and waits until it is not served any more: the next test may
// want it anew.
func (c *Cluster) uninstall(t testing.TB, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	require.NoError(t, poll(ctx, func(ctx context.Context) error {
		err := c.rest().Delete().AbsPath(definitions + "/" + name).Do(ctx).Error()
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("%s is being deleted", name))
	}))
}

// Add creates an object of an installed kind. Its metadata has the labels, if there are
// any.
func (c *Cluster) Add(t testing.TB, r Resource, namespace, name string, labels map[string]string, spec any) {
	t.Helper()
	require.NoError(t, c.post(t.Context(), r.path(namespace), map[string]any{
		"apiVersion": r.Group + "/" + r.Version, "kind": r.Kind,
		"metadata": map[string]any{"name": name, "namespace": namespace, "labels": labels}, "spec": spec,
	}))
}

func (c *Cluster) rest() rest.Interface { return c.Client.CoreV1().RESTClient() }

func (c *Cluster) post(ctx context.Context, path string, object any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return c.rest().Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(raw).Do(ctx).Error()
}
