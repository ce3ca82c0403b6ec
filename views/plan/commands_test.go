package plan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views/plan"
	"kube-node-manager/views/viewstest"
)

// Commands for thousands of nodes are a file, and not most of the page.
func TestPlan_longCommandsAreAFile(t *testing.T) {
	show := func(commands string) string {
		v := planView(func(v *plan.View) { v.Commands = commands })
		return viewstest.Render(t, "en", plan.Page(viewstest.Frame(), v))
	}
	short := viewstest.Document(t, show("kubectl cordon a"))
	require.Equal(t, "kubectl cordon a", short.Find("#commands").Text())
	require.Zero(t, short.Find("#plan-kubectl").Length())

	page := show("kubectl cordon " + strings.Repeat("ip-10-0-0-1.prod ", 5000))
	require.Less(t, len(page), 60_000)
	long := viewstest.Document(t, page)
	require.Zero(t, long.Find("#commands").Length())
	button := long.Find("#plan-kubectl")
	require.Equal(t, []string{"plan-form", "kubectl", "1"}, []string{
		button.AttrOr("form", ""), button.AttrOr("name", ""), button.AttrOr("value", ""),
	})
	require.Contains(t, long.Find(".commands").Text(), "83 KiB")
}
