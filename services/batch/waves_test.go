package batch

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
)

// nodeCalled returns a node whose name begins with its zone and ends with its pool:
// "a1x".
func nodeCalled(name string) *node.Node {
	return &node.Node{Name: name, Zone: name[:1], Pool: name[2:]}
}

func TestRolloutFrom(t *testing.T) {
	first := Rollout{Order: "pool", Parallel: 4, MaxFailures: 2}
	for name, c := range map[string]struct {
		fields    form.Fields
		otherwise Rollout
		want      Rollout
		wrong     string // the field
	}{
		"nothing": {},
		"all": {
			fields: form.Fields{
				"canary": {"5"}, "canary_wait": {"15m"}, "order": {"zone"}, "wave_size": {"20"}, "wave_pause": {"90"},
				"parallel": {"3"}, "max_failures": {"7"},
			},
			want: Rollout{
				Canary: 5, CanaryWait: 900, Order: "zone", WaveSize: 20, WavePause: 90, Parallel: 3, MaxFailures: 7,
			},
		},
		"a share":            {fields: form.Fields{"max_failures": {"10 %"}, "order": {"listed"}}, wrong: "max_failures"},
		"a share of all":     {fields: form.Fields{"max_failures": {"10%"}}, want: Rollout{MaxFailedPercent: 10}},
		"more than all":      {fields: form.Fields{"max_failures": {"101%"}}, wrong: "max_failures"},
		"a share of nothing": {fields: form.Fields{"max_failures": {"some%"}}, wrong: "max_failures"},
		"no number":          {fields: form.Fields{"canary": {"some"}}, wrong: "canary"},
		"no time":            {fields: form.Fields{"canary_wait": {"later"}}, wrong: "canary_wait"},
		"too long":           {fields: form.Fields{"wave_pause": {"25h"}}, wrong: "wave_pause"},
		"negative":           {fields: form.Fields{"parallel": {"-1"}}, wrong: "parallel"},
		"negative waves":     {fields: form.Fields{"wave_size": {"-1"}}, wrong: "wave_size"},
		"no order":           {fields: form.Fields{"order": {"random"}}, wrong: "order"},
		"the older name":     {fields: form.Fields{"by_zone": {"on"}}, want: Rollout{Order: "zone"}},
		"as the first":       {otherwise: first, want: first},
		"not as the first": {
			fields: form.Fields{"order": {"listed"}, "max_failures": {"0"}}, otherwise: first, want: Rollout{Parallel: 4},
		},
		"a share, not a number": {
			fields: form.Fields{"max_failures": {"5%"}}, otherwise: first,
			want: Rollout{Order: "pool", Parallel: 4, MaxFailedPercent: 5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := form.Read(c.fields)
			got, err := rolloutFrom(r, c.otherwise), r.Err()
			if c.wrong != "" {
				require.Equal(t, c.wrong, services.AsError(err).Fields[0].Field)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestRollout_waves(t *testing.T) {
	var items []Item
	for i, name := range []string{"b1x", "a1x", "b2y", "a2y", "a3y"} {
		items = append(items, Item{Seq: i, Node: name, State: store.ItemPending})
	}
	for name, c := range map[string]struct {
		rollout Rollout
		ended   int // nodes that an earlier process has ended: the first
		want    string
	}{
		"all at once":               {Rollout{}, 0, "b1x a1x b2y a2y a3y"},
		"by size":                   {Rollout{WaveSize: 2}, 0, "b1x a1x | b2y a2y | a3y"},
		"by zone":                   {Rollout{Order: OrderZone}, 0, "a1x a2y a3y | b1x b2y"},
		"by pool":                   {Rollout{Order: OrderPool}, 0, "b1x a1x | b2y a2y a3y"},
		"by zone and size":          {Rollout{Order: OrderZone, WaveSize: 2}, 0, "a1x a2y | a3y | b1x b2y"},
		"a canary":                  {Rollout{Canary: 1}, 0, "(b1x) | a1x b2y a2y a3y"},
		"a canary, by zone":         {Rollout{Canary: 1, Order: OrderZone}, 0, "(a1x) | a2y a3y | b1x b2y"},
		"a canary of a whole zone":  {Rollout{Canary: 4, Order: OrderZone}, 0, "(a1x a2y a3y b1x) | b2y"},
		"a canary, by size":         {Rollout{Canary: 1, WaveSize: 3}, 0, "(b1x) | a1x b2y a2y | a3y"},
		"a canary of all":           {Rollout{Canary: 5}, 0, "b1x a1x b2y a2y a3y"},
		"half a canary has ended":   {Rollout{Canary: 2}, 1, "(a1x) | b2y a2y a3y"},
		"the canary has ended":      {Rollout{Canary: 1}, 1, "() | a1x b2y a2y a3y"},
		"more than the canary":      {Rollout{Canary: 1}, 2, "b2y a2y a3y"},
		"everything has ended":      {Rollout{Canary: 1, WaveSize: 2}, 5, ""},
		"waves larger than a batch": {Rollout{WaveSize: 100}, 0, "b1x a1x b2y a2y a3y"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, w := range c.rollout.waves(items[c.ended:], len(items), nodeCalled) {
				text := strings.Join(nodesOf(w.items), " ")
				if w.canary {
					text = "(" + text + ")"
				}
				got = append(got, text)
			}
			require.Equal(t, c.want, strings.Join(got, " | "))
		})
	}
}

func TestRollout_exceeded(t *testing.T) {
	require.False(t, Rollout{}.exceeded(100, 100))
	require.True(t, Rollout{MaxFailures: 2}.exceeded(2, 100))
	require.False(t, Rollout{MaxFailures: 2}.exceeded(1, 100))
	require.True(t, Rollout{MaxFailedPercent: 10}.exceeded(10, 100))
	require.False(t, Rollout{MaxFailedPercent: 10}.exceeded(9, 100))
}
