// Package drain plans and conducts the draining of nodes: which pods would go,
// what holds them, and then, over a whole batch at once, the evictions
// themselves. Its rules for single pods are those of kubectl drain
// (k8s.io/kubectl/pkg/drain/filters.go), told apart where they differ.
package drain

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"kube-node-manager/services/form"
)

// Options are how a drain is done. Their JSON names are those of the form.
type Options struct {
	// IgnoreDaemonSets leaves DaemonSet pods where they are: they would be
	// recreated at once. Without it a node with such a pod is not drained.
	IgnoreDaemonSets bool `json:"ignore_daemonsets"`
	// DeleteEmptyDir lets pods with emptyDir volumes go, and their data with them.
	DeleteEmptyDir bool `json:"delete_emptydir"`
	// Force lets pods without a controller go: nothing brings them back.
	Force bool `json:"force"`
	// Disrupt lets pods go that ask not to be disturbed, or whose namespace the cluster's
	// rules ask about.
	Disrupt bool `json:"disrupt"`
	// Grace is the pods' grace period in seconds; -1 is each pod's own.
	Grace int `json:"grace_period"`
	// Timeout bounds one node, in seconds from its first eviction; 0 is none.
	Timeout int `json:"timeout"`
	// PodSelector limits the drain to the pods that it selects; "" is all.
	PodSelector string `json:"pod_selector"`
	// SkipWait skips pods that have been terminating for so many seconds; 0
	// waits for all.
	SkipWait int `json:"skip_wait_seconds"`
	// Restore uncordons the nodes again whose drain failed or was cancelled,
	// if it was this batch that cordoned them.
	Restore bool `json:"restore"`
	// RestartFirst restarts Deployments of a single pod, or whose budget never allows an
	// eviction, so that a new pod is ready elsewhere before the old one goes.
	RestartFirst bool `json:"restart_first"`
}

// maxSelector is the greatest length of a selector; every pod is matched against
// each of its parts.
const maxSelector = 1000

// The defaults, in the units of Options.
const (
	DefaultTimeout = 15 * 60
	ownGrace       = -1
)

// DefaultOptions returns those of an untouched form.
func DefaultOptions() Options {
	return Options{IgnoreDaemonSets: true, Grace: ownGrace, Timeout: DefaultTimeout}
}

// UnmarshalJSON reads stored options; what is missing keeps its default.
func (o *Options) UnmarshalJSON(raw []byte) error {
	type stored Options
	read := stored(DefaultOptions())
	err := json.Unmarshal(raw, &read)
	*o = Options(read)
	return err
}

// Fields returns the names of the fields of the options.
func Fields() []string {
	return []string{
		"options", "ignore_daemonsets", "delete_emptydir", "force", "grace_period", "timeout", "pod_selector",
		"skip_wait_seconds", "restore", "disrupt", "restart_first",
	}
}

// ReadOptions reads a form. A missing field keeps its default. A form that shows
// every option carries options=1: there a box that is not ticked, which sends
// nothing, means no.
func ReadOptions(r *form.Reader) Options { return readOptions(r, DefaultOptions()) }

// Revise reads a form; a missing field keeps what the first drain had, unless the
// form shows every option.
func (o Options) Revise(r *form.Reader) Options {
	if r.Text("options") == "1" {
		return ReadOptions(r)
	}
	return readOptions(r, o)
}

func readOptions(r *form.Reader, otherwise Options) Options {
	flag := func(name string, otherwise bool) bool {
		return r.Flag(name, otherwise && r.Text("options") != "1")
	}
	o := Options{
		IgnoreDaemonSets: flag("ignore_daemonsets", otherwise.IgnoreDaemonSets),
		DeleteEmptyDir:   flag("delete_emptydir", otherwise.DeleteEmptyDir),
		Force:            flag("force", otherwise.Force),
		Restore:          flag("restore", otherwise.Restore),
		Disrupt:          flag("disrupt", otherwise.Disrupt),
		RestartFirst:     flag("restart_first", otherwise.RestartFirst),
		Grace:            readGrace(r, otherwise.Grace),
		Timeout:          r.Seconds("timeout", otherwise.Timeout, 0, maxTimeout),
		SkipWait:         r.Seconds("skip_wait_seconds", otherwise.SkipWait, 0, maxWait),
		PodSelector:      otherwise.PodSelector,
	}
	_, given := r.Fields["pod_selector"]
	if given {
		o.PodSelector = readSelector(r)
	}
	return o
}

const (
	maxWait    = 24 * 3600     // of a grace period, and of the wait for terminating pods
	maxTimeout = 7 * 24 * 3600 // of one node
)

// readGrace reads a grace period. 0 would delete the pods at once, without their
// own say: a form cannot ask for that. -1 is each pod's own.
func readGrace(r *form.Reader, otherwise int) int {
	if strings.TrimSpace(r.Text("grace_period")) == strconv.Itoa(ownGrace) {
		return ownGrace
	}
	return r.Seconds("grace_period", otherwise, 1, maxWait)
}

func readSelector(r *form.Reader) string {
	text := strings.TrimSpace(r.Text("pod_selector"))
	if len(text) > maxSelector {
		r.Refuse("pod_selector", "error_selector_long", "Max", maxSelector)
		return ""
	}
	_, err := labels.Parse(text)
	if err != nil {
		r.Refuse("pod_selector", "error_selector", "Value", text)
		return ""
	}
	return text
}

// Stopped returns why a node is not drained when too many others have failed.
func Stopped(failed int) error { return reason("drain_stopped", "Count", failed) }

// grace returns the grace period for an eviction; below zero is the pod's own.
func (o Options) grace() time.Duration { return time.Duration(o.Grace) * time.Second }

func (o Options) timeout() time.Duration { return time.Duration(o.Timeout) * time.Second }
