package drain

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A restart is only right where a new pod is ready before the old one goes: what the
// strategy allows depends on the number of pods, and is rounded as the controller does.
func TestUnfit(t *testing.T) {
	percent := intstr.FromString("25%")
	for name, c := range map[string]struct {
		replicas           int32
		surge, unavailable intstr.IntOrString
		paused             bool
		volume             bool
		want               string
	}{
		"one of the default":      {1, percent, percent, false, false, ""},
		"three of the default":    {3, percent, percent, false, false, ""},
		"four of the default":     {4, percent, percent, false, false, "drain_restart_unavailable"},
		"four that stay":          {4, percent, intstr.FromInt32(0), false, false, ""},
		"no surge":                {2, intstr.FromInt32(0), intstr.FromInt32(1), false, false, "drain_restart_surge"},
		"a surge of no percent":   {2, intstr.FromString("0%"), percent, false, false, "drain_restart_surge"},
		"one may be unavailable":  {1, intstr.FromInt32(1), intstr.FromInt32(1), false, false, "drain_restart_unavailable"},
		"paused":                  {1, percent, percent, true, false, "drain_restart_paused"},
		"with a claim":            {1, percent, percent, false, true, "drain_restart_volume"},
		"not understood: no size": {1, intstr.FromString("x"), percent, false, false, "drain_restart_surge"},
	} {
		d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{
			Replicas: &c.replicas, Paused: c.paused, Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &c.surge, MaxUnavailable: &c.unavailable},
			},
		}}
		pod := &corev1.Pod{}
		if c.volume {
			pod.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}}
		}
		got := ""
		if why := unfit(pod, d); why != nil {
			got = why.Text
		}
		require.Equal(t, c.want, got, name)
	}
}
