package drain

import (
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
)

func TestParseOptions(t *testing.T) {
	defaults := DefaultOptions()
	with := func(change func(*Options)) Options {
		o := defaults
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		form url.Values
		want Options
	}{
		"untouched":              {nil, defaults},
		"a box that is unticked": {url.Values{"options": {"1"}}, with(func(o *Options) { o.IgnoreDaemonSets = false })},
		"a box that is ticked":   {url.Values{"options": {"1"}, "ignore_daemonsets": {"on"}}, defaults},
		"a script says no":       {url.Values{"ignore_daemonsets": {"false"}}, with(func(o *Options) { o.IgnoreDaemonSets = false })},
		"times":                  {url.Values{"timeout": {"1h 30m"}, "grace_period": {"45"}}, with(func(o *Options) { o.Timeout, o.Grace = 5400, 45 })},
		"no limit, own grace":    {url.Values{"timeout": {"0"}, "grace_period": {"-1"}}, with(func(o *Options) { o.Timeout = 0 })},
		"order by zone":          {url.Values{"order": {"zone"}}, with(func(o *Options) { o.ByZone = true })},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseOptions(c.form)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			raw, err := got.Encode()
			require.NoError(t, err)
			again, err := Decode(raw)
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
	_, err := ParseOptions(url.Values{"grace_period": {"0"}, "timeout": {"soon"}, "parallel": {"many"}, "force": {"maybe"}})
	wrong := map[string]string{}
	for _, f := range services.AsError(err).Fields {
		wrong[f.Field] = f.Text
	}
	require.Equal(t, map[string]string{"grace_period": "error_range", "timeout": "error_duration", "parallel": "error_number", "force": "error_flag"}, wrong)
}

func FuzzParseOptions(f *testing.F) {
	f.Add("timeout=15m&parallel=5&pod_selector=app%3Dweb")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		o, err := ParseOptions(form)
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			return
		}
		require.Positive(t, o.Parallel)
		require.NotZero(t, o.Grace, "nobody deletes at once by a form")
	})
}

// owned makes a pod with a controller.
func owned(kind, version string, change func(*corev1.Pod)) *corev1.Pod {
	yes := true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "p", Labels: map[string]string{"app": "web"}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
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
		"managed":                     {owned("ReplicaSet", apps, nil), Options{}, known, Evict, "", nil},
		"DaemonSet":                   {owned("DaemonSet", apps, nil), Options{IgnoreDaemonSets: true}, known, Skip, "", []string{"drain_skip_daemonset"}},
		"DaemonSet, not agreed":       {owned("DaemonSet", apps, nil), Options{}, known, Acknowledge, "ignore_daemonsets", []string{"drain_daemonset"}},
		"DaemonSet of another group":  {owned("DaemonSet", "apps.example/v1", nil), Options{IgnoreDaemonSets: true}, known, Skip, "", []string{"drain_skip_daemonset"}},
		"DaemonSet that is gone":      {owned("DaemonSet", apps, nil), Options{IgnoreDaemonSets: true}, map[types.UID]bool{}, Acknowledge, "force", []string{"drain_orphan"}},
		"DaemonSets may not be read":  {owned("DaemonSet", apps, nil), Options{IgnoreDaemonSets: true}, nil, Skip, "", []string{"drain_skip_daemonset_unknown"}},
		"static":                      {owned("Node", "v1", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }), Options{}, known, Skip, "", []string{"drain_skip_mirror"}},
		"finished":                    {owned("", "", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded; empty(p) }), Options{}, known, Skip, "", []string{"drain_skip_finished"}},
		"emptyDir":                    {owned("ReplicaSet", apps, empty), Options{}, known, Acknowledge, "delete_emptydir", []string{"drain_emptydir"}},
		"emptyDir, agreed":            {owned("ReplicaSet", apps, empty), Options{DeleteEmptyDir: true}, known, Evict, "", []string{"drain_emptydir"}},
		"bare with emptyDir says all": {owned("", "", empty), Options{}, known, Acknowledge, "delete_emptydir", []string{"drain_emptydir", "drain_unmanaged"}},
		"bare, half agreed":           {owned("", "", empty), Options{DeleteEmptyDir: true}, known, Acknowledge, "force", []string{"drain_emptydir", "drain_unmanaged"}},
		"terminating":                 {owned("", "", ending), Options{}, known, Wait, "", []string{"drain_wait_terminating"}},
		"terminating for too long":    {owned("", "", ending), Options{SkipWait: 30}, known, Skip, "", []string{"drain_skip_terminating"}},
		"terminating, within the wait": {
			owned("", "", ending), Options{SkipWait: 90}, known, Wait, "", []string{"drain_wait_terminating"},
		},
		"not selected": {owned("", "", nil), Options{PodSelector: "app=db"}, known, Skip, "", []string{"drain_skip_selector"}},
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

func TestBackoff_growsWithJitterAndEnds(t *testing.T) {
	for tries := range 40 {
		d := backoff(time.Second, 30*time.Second, tries)
		least := min(30*time.Second, time.Second<<min(tries, 10)) / 2
		require.GreaterOrEqual(t, d, least)
		require.LessOrEqual(t, d, 30*time.Second)
	}
}
