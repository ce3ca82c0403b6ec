package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestTerms(t *testing.T) {
	nodes := []*Node{
		{
			Name: "a", Status: StatusReady, Zone: "r1-a", Pool: "gpu", Version: "v1.36.2", Roles: []string{"worker"},
			InternalIP: "fd00::1", CreatedAt: searchNow.Add(-time.Hour), AllocatableCPU: 1000, AllocatableMemory: 100,
			Taints: []Taint{{Key: "gpu", Value: "yes", Effect: "NoSchedule"}}, Labels: map[string]string{"pool": "cpu"},
		},
		{
			Name: "b", Status: StatusNotReady, Unschedulable: true, Zone: "r1-b", Pool: "cpu", Version: "v1.35.9",
			ReasonBy: "Li", Reason: "new kernel", CreatedAt: searchNow.AddDate(0, 0, -30), AllocatableCPU: 1000,
			AllocatableMemory: 100, Labels: map[string]string{"team": "web"},
		},
	}
	usage := Usages{"": {"a": {CPU: 900, Memory: 10, Pods: 5}, "b": {CPU: 100, Memory: 90, Pods: 50}}}
	both := []string{"a", "b"}
	for text, want := range map[string][]string{
		"zone:r1-a": {"a"}, "zone:R1": both, "!zone:r1-a": {"b"}, "pool:gpu": {"a"}, "role:work": {"a"},
		"taint:gpu": {"a"}, "taint:gpu=yes:NoSch": {"a"}, "label:team": {"b"}, "label:team=web": {"b"},
		"label=pool=cpu": {"a"},
		"by:li":          {"b"}, "reason:kernel": {"b"}, "status:notready": {"b"}, "name:a": {"a"}, "ip:fd00::": {"a"},
		"version:1.36": {"a"}, "version<1.36": {"b"}, "version>=1.36": {"a"}, "version<=v1.35.9": {"b"},
		"version>1.36.2": nil,
		"cpu>80%":        {"a"}, "cpu>80": {"a"}, "cpu<=90%": both, "memory>=90%": {"b"}, "pods>10": {"b"}, "!pods>10": {"a"},
		"age<7d": {"a"}, "age>2w": {"b"}, "age<90m": {"a"}, "age>7": {"b"}, "age>=3600s": both,
		"cpu>80% zone:r1 ready": {"a"}, "cpu>80% zone:r1-b": nil,
		"cpu>": both, "zone:": both, "age<": both, // somebody is still typing
		"fd00::1": {"a"}, "gpu=yes:NoSchedule": {"a"}, "nonsense:a": nil, ":": {"a"}, ">": nil,
	} {
		t.Run(text, func(t *testing.T) {
			matched, _ := Query{Text: text}.filter(nodes, sight{usage, searchNow})
			var names []string
			for _, n := range matched {
				names = append(names, n.Name)
			}
			require.Equal(t, want, names)
		})
	}
	matched, _ := Query{Text: "cpu<10%"}.filter(nodes, sight{now: searchNow})
	require.Empty(t, matched, "the usage is not known")
}

func TestTerms_checked(t *testing.T) {
	for text, wrong := range map[string]string{
		"cpu>many": "cpu>many", "age<soon x": "age<soon", "zone:a pods>=1.5": "pods>=1.5", "memory<%": "memory<%",
		"cpu>80%": "", "speed>9": "", "!age<x": "age<x", "version<next": "", "a:b": "",
	} {
		_, err := Query{Text: text}.normal()
		if wrong == "" {
			require.NoError(t, err, text)
			continue
		}
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), text)
		require.Equal(t, wrong, services.AsError(err).Fields[0].Args["Term"])
	}
	for text, want := range map[string]bool{
		"cpu>1%": true, "!memory<1%": true, "pods>1": true, "age<1d": false, "zone:a": false,
	} {
		require.Equal(t, want, Query{Text: text}.needsUsage(), text)
	}
}
