package drain

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

func TestReadOptions(t *testing.T) {
	defaults := DefaultOptions()
	with := func(change func(*Options)) Options {
		o := defaults
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		fields form.Fields
		want   Options
	}{
		"untouched":              {nil, defaults},
		"a box that is unticked": {form.Fields{"options": {"1"}}, with(func(o *Options) { o.IgnoreDaemonSets = false })},
		"a box that is ticked":   {form.Fields{"options": {"1"}, "ignore_daemonsets": {"on"}}, defaults},
		"a script says no": {
			form.Fields{"ignore_daemonsets": {"false"}}, with(func(o *Options) { o.IgnoreDaemonSets = false }),
		},
		"times": {
			form.Fields{"timeout": {"1h 30m"}, "grace_period": {"45"}},
			with(func(o *Options) { o.Timeout, o.Grace = 5400, 45 }),
		},
		"no limit, own grace": {
			form.Fields{"timeout": {"0"}, "grace_period": {"-1"}}, with(func(o *Options) { o.Timeout = 0 }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := form.Read(c.fields)
			got := ReadOptions(r)
			require.NoError(t, r.Err())
			require.Equal(t, c.want, got)
			raw, err := json.Marshal(got)
			require.NoError(t, err)
			var again Options
			require.NoError(t, json.Unmarshal(raw, &again))
			require.Equal(t, got, again)
		})
	}
	r := form.Read(form.Fields{"grace_period": {"0"}, "timeout": {"soon"}, "force": {"maybe"}})
	ReadOptions(r)
	wrong := map[string]string{}
	for _, f := range services.AsError(r.Err()).Fields {
		wrong[f.Field] = f.Text
	}
	require.Equal(
		t, map[string]string{"grace_period": "error_range", "timeout": "error_duration", "force": "error_flag"}, wrong,
	)
}

// Another try keeps what the first had, but for what it says otherwise; a form
// that shows every option says all.
func TestOptions_revise(t *testing.T) {
	first := Options{DeleteEmptyDir: true, Grace: 45, Timeout: 60, PodSelector: "app=web"}
	revised := func(fields form.Fields) Options {
		r := form.Read(fields)
		o := first.Revise(r)
		require.NoError(t, r.Err())
		return o
	}
	require.Equal(t, first, revised(nil))
	longer := first
	longer.Timeout, longer.Force = 600, true
	require.Equal(t, longer, revised(form.Fields{"timeout": {"10m"}, "force": {"1"}}))
	all := DefaultOptions()
	all.IgnoreDaemonSets = false
	require.Equal(t, all, revised(form.Fields{"options": {"1"}}))
	require.Empty(t, revised(form.Fields{"pod_selector": {""}}).PodSelector)
}

// What an earlier version stored is read; what it did not store has its default.
func TestOptions_ofAnEarlierVersion(t *testing.T) {
	var o Options
	stored := `{"ignore_daemonsets":true,"delete_emptydir":true,"grace_period":-1,"parallel":3,"by_zone":true,` +
		`"max_failures":2}`
	require.NoError(t, json.Unmarshal([]byte(stored), &o))
	want := DefaultOptions()
	want.DeleteEmptyDir = true
	require.Equal(t, want, o)
}

func FuzzReadOptions(f *testing.F) {
	f.Add("timeout=15m&parallel=5&pod_selector=app%3Dweb")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r := form.Read(form.Fields(values))
		o := ReadOptions(r)
		if r.Err() != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(r.Err()))
			return
		}
		require.NotZero(t, o.Grace, "nobody deletes at once by a form")
	})
}

// owned makes a pod with a controller.
func owned(kind, version string, change func(*corev1.Pod)) *corev1.Pod {
	yes := true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "p", Labels: map[string]string{"app": "web"}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	if kind != "" {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, APIVersion: version, Name: "o", UID: "o", Controller: &yes}}
	}
	if change != nil {
		change(p)
	}
	return p
}

func TestJudge(t *testing.T) {
	apps := appsv1.SchemeGroupVersion.String()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	empty := func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	}
	ending := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: now.Add(-time.Minute)} }
	known := map[types.UID]bool{"o": true}
	for name, c := range map[string]struct {
		pod     *corev1.Pod
		options Options
		sets    map[types.UID]bool
		want    Verdict
		field   string
		texts   []string
	}{
		"managed": {owned("ReplicaSet", apps, nil), Options{}, known, Evict, "", nil},
		"DaemonSet": {
			owned("DaemonSet", apps, nil), Options{IgnoreDaemonSets: true}, known, Skip, "", []string{"drain_skip_daemonset"},
		},
		"DaemonSet, not agreed": {
			owned("DaemonSet", apps, nil), Options{}, known, Acknowledge, "ignore_daemonsets", []string{"drain_daemonset"},
		},
		"DaemonSet of another group": {
			owned("DaemonSet", "apps.example/v1", nil),
			Options{IgnoreDaemonSets: true},
			known, Skip, "",
			[]string{"drain_skip_daemonset"},
		},
		"DaemonSet that is gone": {
			owned("DaemonSet", apps, nil),
			Options{IgnoreDaemonSets: true},
			map[types.UID]bool{},
			Acknowledge, "force",
			[]string{"drain_orphan"},
		},
		"DaemonSets may not be read": {
			owned("DaemonSet", apps, nil),
			Options{IgnoreDaemonSets: true},
			nil, Skip, "",
			[]string{"drain_skip_daemonset_unknown"},
		},
		"static": {
			owned("Node", "v1", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }),
			Options{},
			known, Skip, "",
			[]string{"drain_skip_mirror"},
		},
		"finished": {
			owned("", "", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded; empty(p) }),
			Options{},
			known, Skip, "",
			[]string{"drain_skip_finished"},
		},
		"emptyDir": {
			owned("ReplicaSet", apps, empty), Options{}, known, Acknowledge, "delete_emptydir", []string{"drain_emptydir"},
		},
		"emptyDir, agreed": {
			owned("ReplicaSet", apps, empty), Options{DeleteEmptyDir: true}, known, Evict, "", []string{"drain_emptydir"},
		},
		"bare with emptyDir says all": {
			owned("", "", empty),
			Options{},
			known, Acknowledge, "delete_emptydir",
			[]string{"drain_emptydir", "drain_unmanaged"},
		},
		"bare, half agreed": {
			owned("", "", empty),
			Options{DeleteEmptyDir: true},
			known, Acknowledge, "force",
			[]string{"drain_emptydir", "drain_unmanaged"},
		},
		"terminating": {owned("", "", ending), Options{}, known, Wait, "", []string{"drain_wait_terminating"}},
		"terminating for too long": {
			owned("", "", ending), Options{SkipWait: 30}, known, Skip, "", []string{"drain_skip_terminating"},
		},
		"terminating, within the wait": {
			owned("", "", ending), Options{SkipWait: 90}, known, Wait, "", []string{"drain_wait_terminating"},
		},
		"not selected": {
			owned("", "", nil), Options{PodSelector: "app=db"}, known, Skip, "", []string{"drain_skip_selector"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := newWorld(c.options, c.sets, now)
			require.NoError(t, err)
			j := w.judge(c.pod)
			require.Equal(t, c.want, j.Verdict)
			require.Equal(t, c.field, j.Field)
			var texts []string
			for _, r := range j.Reasons {
				texts = append(texts, r.Text)
			}
			require.Equal(t, c.texts, texts)
		})
	}
}

func TestBudgets_emptySelectorGuardsTheNamespace(t *testing.T) {
	pdb := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{}},
	}
	b := newBudgets([]*policyv1.PodDisruptionBudget{pdb}, true)
	require.Len(t, b.of(owned("ReplicaSet", "apps/v1", nil)), 1)
	require.Empty(t, b.of(owned("ReplicaSet", "apps/v1", func(p *corev1.Pod) { p.Namespace = "other" })))
}
