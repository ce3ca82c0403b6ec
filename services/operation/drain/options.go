// Package drain plans and conducts the draining of nodes: which pods would go,
// what holds them, and then, over a whole batch at once, the evictions
// themselves. Its rules for single pods are those of kubectl drain
// (k8s.io/kubectl/pkg/drain/filters.go), told apart where they differ.
package drain

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"kube-node-manager/services"
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
	// Grace is the pods' grace period in seconds; -1 is each pod's own.
	Grace int `json:"grace_period"`
	// Timeout bounds one node, in seconds from its first eviction; 0 is none.
	Timeout int `json:"timeout"`
	// PodSelector limits the drain to the pods that it selects; "" is all.
	PodSelector string `json:"pod_selector"`
	// SkipWait skips pods that have been terminating for so many seconds; 0
	// waits for all.
	SkipWait int `json:"skip_wait_seconds"`
	// Parallel is how many nodes are drained at the same time.
	Parallel int `json:"parallel"`
	// ByZone drains one zone after the other.
	ByZone bool `json:"by_zone"`
	// MaxFailures stops the batch after so many failed nodes; 0 never.
	MaxFailures int `json:"max_failures"`
	// Restore uncordons the nodes again whose drain failed or was cancelled,
	// if it was this batch that cordoned them.
	Restore bool `json:"restore"`
}

// maxSelector is the length of a selector; every pod is held against each of its
// parts.
const maxSelector = 1000

// The defaults, in the units of Options.
const (
	DefaultParallel = 5
	DefaultTimeout  = 15 * 60
	ownGrace        = -1
)

// DefaultOptions are those of an untouched form.
func DefaultOptions() Options {
	return Options{IgnoreDaemonSets: true, Grace: ownGrace, Timeout: DefaultTimeout, Parallel: DefaultParallel}
}

// ParseOptions reads a form. What is left out keeps its default; a form that
// was shown to a person says so with options=1, because a box that is not
// ticked sends nothing. Errors name every wrong field.
func ParseOptions(form url.Values) (Options, error) {
	o := DefaultOptions()
	p := &parser{form: form, shown: form.Get("options") == "1"}
	o.IgnoreDaemonSets = p.flag("ignore_daemonsets", o.IgnoreDaemonSets)
	o.DeleteEmptyDir = p.flag("delete_emptydir", false)
	o.Force = p.flag("force", false)
	o.ByZone = p.flag("by_zone", false) || form.Get("order") == "zone"
	o.Restore = p.flag("restore", false)
	o.Grace = p.seconds("grace_period", o.Grace, 1, 24*3600) // 0 would delete at once; nobody gets that by a form
	o.Timeout = p.seconds("timeout", o.Timeout, 0, 7*24*3600)
	o.SkipWait = p.seconds("skip_wait_seconds", 0, 0, 24*3600)
	o.Parallel = p.seconds("parallel", o.Parallel, 1, 100)
	if !strings.HasSuffix(form.Get("max_failures"), "%") { // a share of the batch is the engine's business
		o.MaxFailures = p.seconds("max_failures", 0, 0, 10_000)
	}
	o.PodSelector = strings.TrimSpace(form.Get("pod_selector"))
	if len(o.PodSelector) > maxSelector {
		p.refuse("pod_selector", "error_selector_long", "Max", maxSelector)
	} else if _, err := labels.Parse(o.PodSelector); err != nil {
		p.refuse("pod_selector", "error_selector", "Value", o.PodSelector)
	}
	if len(p.wrong) > 0 {
		return Options{}, services.InvalidFields(p.wrong...)
	}
	return o, nil
}

type parser struct {
	form  url.Values
	shown bool
	wrong []services.FieldError
}

func (p *parser) refuse(field, text string, args ...any) {
	p.wrong = append(p.wrong, services.FieldError{Field: field, Text: text, Args: services.Args(args...)})
}

func (p *parser) flag(field string, otherwise bool) bool {
	switch text := strings.ToLower(p.form.Get(field)); text {
	case "":
		return otherwise && !p.shown
	case "1", "on", "true", "yes":
		return true
	case "0", "off", "false", "no":
		return false
	default:
		p.refuse(field, "error_flag", "Value", text)
		return otherwise
	}
}

// seconds reads a whole number, or a duration such as 15m.
func (p *parser) seconds(field string, otherwise, least, most int) int {
	text := strings.TrimSpace(p.form.Get(field))
	if text == "" || text == "-1" && otherwise == ownGrace {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		d, durationErr := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if durationErr != nil {
			p.refuse(field, unitOf(field), "Value", text)
			return otherwise
		}
		n = int(d / time.Second)
	}
	if n < least || n > most {
		p.refuse(field, "error_range", "Value", text, "Min", least, "Max", most)
	}
	return n
}

// unitOf gives the text for what is no number: some numbers are times.
func unitOf(field string) string {
	if field == "parallel" || field == "max_failures" {
		return "error_number"
	}
	return "error_duration"
}

// Encode gives the options as a batch stores them.
func (o Options) Encode() (json.RawMessage, error) { return json.Marshal(o) }

// Decode reads what Encode gave.
func Decode(params json.RawMessage) (Options, error) {
	o := DefaultOptions()
	if err := json.Unmarshal(params, &o); err != nil {
		return Options{}, fmt.Errorf("decode drain options: %w", err)
	}
	return o, nil
}

// grace gives the grace period for an eviction; below zero is the pod's own.
func (o Options) grace() time.Duration { return time.Duration(o.Grace) * time.Second }

func (o Options) timeout() time.Duration { return time.Duration(o.Timeout) * time.Second }
