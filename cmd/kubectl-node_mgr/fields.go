package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A field is a flag that becomes a field of the API with the same name, but for the dashes.
// The server checks its value.
type field struct {
	name, help string
	flag       bool // true or false
	list       bool // can be given several times
}

// flagOf returns the flag of a field.
func flagOf(name string) string { return strings.ReplaceAll(name, "_", "-") }

func rolloutFields() []field {
	return []field{
		{name: "canary", help: "number of nodes that go first"},
		{name: "canary_wait", help: "time after which the batch goes on by itself after the canary nodes, such as 15m"},
		{name: "order", help: "listed, zone or pool: one zone or pool at a time"},
		{name: "wave_size", help: "most nodes in a wave"},
		{name: "wave_pause", help: "pause between waves, such as 90s"},
		{name: "parallel", help: "nodes at a time"},
		{name: "max_failures", help: "stop after so many failed nodes, such as 3 or 10%"},
		{name: "start_at", help: "begin at this time, such as 2026-12-24T22:00:00Z"},
		{name: "window", help: "work only while a maintenance window is open", flag: true},
	}
}

func consentFields() []field {
	return []field{
		{name: "confirm", help: "name of the cluster, as an administrator's consent to what is protected or forced"},
		{name: "exceed", help: "name of the cluster, as an administrator's consent to pass its limits"},
		{name: "confirm_pods", help: "number of pods that a NoExecute taint may evict"},
		{name: "others", help: "also work on nodes on which others are at work", flag: true},
	}
}

func drainFields() []field {
	return []field{
		{name: "ignore_daemonsets", help: "leave the pods of DaemonSets (default true)", flag: true},
		{name: "delete_emptydir", help: "evict pods with emptyDir volumes; their data is lost", flag: true},
		{name: "force", help: "evict pods without a controller; needs --confirm", flag: true},
		{name: "disrupt", help: "evict pods that ask not to be disrupted", flag: true},
		{name: "restart_first", help: "restart Deployments that an eviction would interrupt", flag: true},
		{name: "grace_period", help: "grace period of the pods; each pod's own by default"},
		{name: "timeout", help: "time limit per node, 15m by default; 0 for none"},
		{name: "pod_selector", help: "evict only pods that match this label selector"},
		{name: "skip_wait_seconds", help: "do not wait for pods that have been terminating for longer"},
		{name: "restore", help: "uncordon nodes whose drain fails or is cancelled", flag: true},
	}
}

func valueFields() []field {
	return []field{
		{name: "mode", help: "add, remove or replace"},
		{name: "overwrite", help: "also where there is another value of the key (default true)", flag: true},
	}
}

// addFields adds the flags of some fields.
func addFields(c *cobra.Command, fields []field) {
	for _, f := range fields {
		switch {
		case f.flag:
			c.Flags().Bool(flagOf(f.name), false, f.help)
		case f.list:
			c.Flags().StringArray(flagOf(f.name), nil, f.help)
		default:
			c.Flags().String(flagOf(f.name), "", f.help)
		}
	}
}

// readFields writes those flags into a form that were given.
func readFields(flags *pflag.FlagSet, fields []field, form url.Values) {
	for _, f := range fields {
		given := flags.Lookup(flagOf(f.name))
		switch {
		case !given.Changed:
		case f.list:
			form[f.name], _ = flags.GetStringArray(given.Name)
		case f.flag:
			form.Set(f.name, map[string]string{"true": "1", "false": "0"}[given.Value.String()])
		default:
			form.Set(f.name, given.Value.String())
		}
	}
}
