package rule

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// Health is what must hold between two waves of a batch before the next one begins.
type Health struct {
	// Nodes demands that every node that was Ready when the batch began is Ready.
	Nodes bool `json:"nodes"`
	// Pending is how many more pods may be unschedulable than when the batch began; nil for
	// any number.
	Pending *int `json:"pending,omitempty"`
	// Workloads is how many percent of their Ready pods the workloads whose pods were moved
	// must have again; 0 does not look.
	Workloads int `json:"workloads"`
	// Prometheus is the address of a server that is asked the query. Each value of the
	// answer must be less than Below. "" asks nobody.
	Prometheus string  `json:"prometheus,omitempty"`
	Query      string  `json:"query,omitempty"`
	Below      float64 `json:"below"`
	// For is for how many seconds all of it must hold without interruption.
	For int `json:"for"`
	// Timeout is after how many seconds the batch no longer waits, and pauses.
	Timeout int `json:"timeout"`
}

const (
	maxPending = 100_000
	maxPercent = 100
	maxAddress = 2000
	maxQuery   = 4000
	maxFor     = 24 * 60 * 60     // seconds
	maxTimeout = 7 * 24 * 60 * 60 // seconds
)

func defaultHealth() Health { return Health{For: 2 * 60, Timeout: 30 * 60} }

// None reports whether nothing is demanded.
func (o Health) None() bool {
	return !o.Nodes && o.Pending == nil && o.Workloads == 0 && o.Prometheus == ""
}

func (o *Health) read(r *form.Reader) {
	o.Nodes = flag(r, "health_nodes", o.Nodes)
	o.Pending = readPending(r, o.Pending)
	o.Workloads = r.Number("health_workloads", ifSent(r, "health_workloads", 0, o.Workloads), 0, maxPercent)
	o.Prometheus = readPrometheus(r, o.Prometheus)
	o.Query = readQuery(r, o.Query)
	o.Below = readBelow(r, o.Below)
	o.For = r.Seconds("health_for", o.For, 0, maxFor)
	o.Timeout = r.Seconds("health_timeout", o.Timeout, 1, maxTimeout)
	if o.Prometheus != "" && o.Query == "" {
		r.Refuse("health_query", "error_health_query")
	}
	if o.Timeout <= o.For {
		r.Refuse("health_timeout", "error_health_timeout")
	}
}

func (o *Health) fields(f form.Fields) {
	putFlag(f, "health_nodes", o.Nodes)
	pending, workloads := "", ""
	if o.Pending != nil {
		pending = strconv.Itoa(*o.Pending)
	}
	if o.Workloads > 0 {
		workloads = strconv.Itoa(o.Workloads)
	}
	f["health_pending"] = []string{pending}
	f["health_workloads"] = []string{workloads}
	f["health_prometheus"] = []string{o.Prometheus}
	f["health_query"] = []string{o.Query}
	f["health_below"] = []string{strconv.FormatFloat(o.Below, 'g', -1, 64)}
	f["health_for"] = []string{spanText(o.For)}
	f["health_timeout"] = []string{spanText(o.Timeout)}
}

// spanText returns a number of seconds as people write it: "2m".
func spanText(seconds int) string {
	const minute, hour = 60, 60 * 60
	switch {
	case seconds > 0 && seconds%hour == 0:
		return strconv.Itoa(seconds/hour) + "h"
	case seconds > 0 && seconds%minute == 0:
		return strconv.Itoa(seconds/minute) + "m"
	default:
		return strconv.Itoa(seconds) + "s"
	}
}

func readPending(r *form.Reader, otherwise *int) *int {
	if strings.TrimSpace(r.Text("health_pending")) == "" {
		return ifSent(r, "health_pending", nil, otherwise)
	}
	n := r.Number("health_pending", 0, 0, maxPending)
	return &n
}

// readPrometheus reads the address of a server. Whoever sees the cluster sees its rules,
// so an address with a password or a token is refused.
func readPrometheus(r *form.Reader, otherwise string) string {
	const name = "health_prometheus"
	text := strings.TrimRight(strings.TrimSpace(r.Text(name)), "/")
	if text == "" {
		return ifSent(r, name, "", otherwise)
	}
	u, err := url.Parse(text)
	switch {
	case len(text) > maxAddress:
		r.Refuse(name, "error_health_long", "Max", maxAddress)
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		r.Refuse(name, "error_health_address")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		r.Refuse(name, "error_health_secret")
	default:
		return text
	}
	return otherwise
}

func readQuery(r *form.Reader, otherwise string) string {
	const name = "health_query"
	text := strings.TrimSpace(r.Text(name))
	switch {
	case text == "":
		return ifSent(r, name, "", otherwise)
	case len(text) > maxQuery:
		r.Refuse(name, "error_health_long", "Max", maxQuery)
	case !utf8.ValidString(text):
		r.Refuse(name, "error_health_query")
	default:
		return text
	}
	return otherwise
}

func readBelow(r *form.Reader, otherwise float64) float64 {
	const name = "health_below"
	text := strings.TrimSpace(r.Text(name))
	if text == "" {
		return ifSent(r, name, 0, otherwise)
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		r.Refuse(name, "error_health_below", "Value", services.Clip(text))
		return otherwise
	}
	return value
}
