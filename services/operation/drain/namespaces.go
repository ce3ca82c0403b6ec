package drain

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kube-node-manager/services"
)

// Actions of a NamespaceRule.
const (
	ActionEvict = "evict" // whatever the pods' labels and annotations ask for
	ActionWait  = "wait"  // until a pod has completed
	ActionAsk   = "ask"   // whoever drains
)

// NamespaceRule is one of a cluster's own rules: what a drain does with the pods of some
// namespaces.
type NamespaceRule struct {
	// Namespaces is the name of a namespace, a pattern with * and ?, or a selector of the
	// labels of namespaces.
	Namespaces string `json:"namespaces"`
	Action     string `json:"action"`
	// Seconds is how long a wait may take: then the pod is evicted. 0 is as long as the
	// drain may take.
	Seconds int `json:"seconds,omitempty"`
}

// Bounds of what can be typed.
const (
	maxNamespaceRules = 100
	maxNamespaceText  = 1000
)

// String returns the rule as ParseNamespaceRules reads it.
func (r NamespaceRule) String() string {
	text := r.Namespaces + " " + r.Action
	if r.Seconds > 0 {
		text += " " + shortDuration(time.Duration(r.Seconds)*time.Second)
	}
	return text
}

// shortDuration returns a duration without the parts that are zero: "2h".
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// FormatNamespaceRules returns rules as ParseNamespaceRules reads them, one in a line.
func FormatNamespaceRules(rules []NamespaceRule) string {
	lines := make([]string, len(rules))
	for i, r := range rules {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}

// ParseNamespaceRules reads rules, one in a line: namespaces, then "evict", "ask", or
// "wait" with or without a time. Lines that begin with "#" are not kept.
//
// Errors: CodeInvalid, with the number of the line.
func ParseNamespaceRules(text string) ([]NamespaceRule, *services.Error) {
	var rules []NamespaceRule
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, ok := parseNamespaceRule(line)
		if !ok {
			return nil, services.NewError(services.CodeInvalid, "error_namespace_rule",
				"Line", i+1, "Text", services.Clip(line))
		}
		rules = append(rules, rule)
		if len(rules) > maxNamespaceRules {
			return nil, services.NewError(services.CodeInvalid, "error_namespace_rules_many", "Max", maxNamespaceRules)
		}
	}
	return rules, nil
}

func parseNamespaceRule(line string) (NamespaceRule, bool) {
	words := strings.Fields(line)
	last := len(words) - 1
	rule := NamespaceRule{}
	switch {
	case last >= 1 && (words[last] == ActionEvict || words[last] == ActionAsk || words[last] == ActionWait):
		rule.Action, words = words[last], words[:last]
	case last >= 2 && words[last-1] == ActionWait:
		seconds, ok := parseSeconds(words[last])
		if !ok {
			return NamespaceRule{}, false
		}
		rule.Action, rule.Seconds, words = ActionWait, seconds, words[:last-1]
	default:
		return NamespaceRule{}, false
	}
	rule.Namespaces = strings.Join(words, " ")
	_, err := rule.matcher()
	return rule, err == nil && len(rule.Namespaces) <= maxNamespaceText
}

// parseSeconds reads a time such as "90", "90s" or "1h30m", of a second to a week.
func parseSeconds(text string) (int, bool) {
	seconds, err := strconv.Atoi(text)
	if err != nil {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, false
		}
		seconds = int(d / time.Second)
	}
	return seconds, seconds >= 1 && seconds <= maxTimeout
}

// namePattern is what a name of a namespace, or a pattern of some, is made of.
var namePattern = regexp.MustCompile(`^[a-z0-9*?-]+$`)

// bySelector reports whether the rule selects namespaces by their labels.
func (r NamespaceRule) bySelector() bool { return !namePattern.MatchString(r.Namespaces) }

// matcher returns what decides whether a namespace, with its labels, is one of the rule's.
func (r NamespaceRule) matcher() (func(name string, of labels.Set) bool, error) {
	if !r.bySelector() {
		return func(name string, _ labels.Set) bool {
			ok, _ := path.Match(r.Namespaces, name) // it is a pattern: see namePattern
			return ok
		}, nil
	}
	selector, err := labels.Parse(r.Namespaces)
	if err != nil {
		return nil, err
	}
	return func(_ string, of labels.Set) bool { return selector.Matches(of) }, nil
}

// ownRule is a NamespaceRule that is ready for use.
type ownRule struct {
	NamespaceRule
	matches func(name string, of labels.Set) bool
}

// ownRule returns the first of the cluster's rules for the pod's namespace, or nil.
func (w world) ownRule(p *corev1.Pod) *ownRule {
	for i := range w.own {
		if w.own[i].matches(p.Namespace, w.policies.labelsOf(p.Namespace)) {
			return &w.own[i]
		}
	}
	return nil
}

// says returns what the rule does with a pod.
func (r ownRule) says(o Options) (Verdict, string, *services.Error) {
	switch r.Action {
	case ActionWait:
		if r.Seconds == 0 {
			return WaitCompleted, "", reason("drain_completed_rule", "Rule", r.Namespaces)
		}
		return WaitCompleted, "", reason("drain_completed_rule_for",
			"Rule", r.Namespaces, "Time", shortDuration(time.Duration(r.Seconds)*time.Second))
	case ActionAsk:
		return consent(o.Disrupt, "disrupt", "drain_ask_rule", "Rule", r.Namespaces)
	default:
		return Evict, "", reason("drain_evict_rule", "Rule", r.Namespaces)
	}
}
