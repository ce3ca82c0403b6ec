package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What nodes say of their maintenance is shown in the table, on the page of the node and in
// JSON, whoever has set it, in both languages.
func TestConditions_areShownWhoeverSetsThem(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	const theirs = `{"status":{"conditions":[
		{"type":"DrainInProgress","status":"True","reason":"ByHand","message":"ada swaps the disks"}]}}`
	_, err := c.Client.CoreV1().Nodes().Patch(t.Context(), names[0], types.StrategicMergePatchType, []byte(theirs),
		metav1.PatchOptions{FieldManager: "theirs"}, "status")
	require.NoError(t, err)
	p := startProgram(t, c.Kubeconfig)

	var n struct {
		Lifecycle []struct{ Type, Reason, Message, Batch string }
	}
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes/"+names[0], nil, &n)
	require.Len(t, n.Lifecycle, 1)
	require.Equal(t, []string{"DrainInProgress", "ByHand", "ada swaps the disks", ""},
		[]string{n.Lifecycle[0].Type, n.Lifecycle[0].Reason, n.Lifecycle[0].Message, n.Lifecycle[0].Batch})
	for lang, words := range map[string]string{"en": "draining", "zh-CN": "排空中"} {
		r := p.reader(t, lang, adminName)
		list := r.send(t, http.MethodGet, "/clusters/"+c.Name+"/nodes", nil).doc
		require.Equal(t, 1, list.Find(`tbody .status:contains("`+words+`")`).Length(), lang)
		page := r.send(t, http.MethodGet, "/clusters/"+c.Name+"/nodes/"+names[0], nil).doc
		require.Contains(t, page.Find("#lifecycle").Text(), words)
		require.Contains(t, page.Find("#lifecycle").Text(), "ada swaps the disks")
	}
}
