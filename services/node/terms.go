package node

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
)

// sight is what a search knows besides the nodes.
type sight struct {
	usage Usages // nil while it is unknown
	now   time.Time
}

// A term is a word of a search that is about one field: zone:eu-1a, cpu>80%, pool=gpu. A
// word whose field is not known may be a label selector, or else an ordinary word: labels,
// taints and addresses have the same signs.
type term struct {
	field, op, value string

	number float64 // of a comparison: see readNumber
	valid  bool    // value is a number of the field, or has none yet
}

// textsOf returns the texts of a node's field; ok is false if there is no such field. The
// value of a term such as zone:eu has to be a part of one, that of zone=eu has to be one.
func textsOf(n *Node, field string) (texts []string, ok bool) {
	switch field {
	case "name":
		return []string{n.Name}, true
	case "cluster":
		return []string{n.Cluster}, true
	case "status":
		return []string{n.Status, n.StatusText(), n.StatusReason}, true
	case "sched":
		return []string{n.Scheduling}, true
	case "role":
		return n.Roles, true
	case "pool":
		return []string{n.Pool}, true
	case "zone":
		return []string{n.Zone}, true
	case "version":
		return []string{n.Version}, true
	case "ip":
		return []string{n.InternalIP}, true
	case "reason":
		return []string{n.Reason}, true
	case "by":
		return []string{n.ReasonBy}, true
	case "condition":
		return n.conditionTypes(), true
	case "label":
		return labelTexts(n), true
	case "taint":
		return taintTexts(n), true
	default:
		return nil, false
	}
}

// isTextField reports whether textsOf knows a field.
func isTextField(field string) bool {
	_, ok := textsOf(&Node{}, field)
	return ok
}

func labelTexts(n *Node) (texts []string) {
	for key, value := range n.Labels {
		texts = append(texts, key+"="+value)
	}
	return texts
}

func taintTexts(n *Node) (texts []string) {
	for _, t := range n.Taints {
		texts = append(texts, t.String())
	}
	return texts
}

// comparedExample returns an example of a term that compares a field, or "" if the field
// cannot be compared.
func comparedExample(field string) string {
	switch field {
	case "cpu", "memory":
		return field + ">80%"
	case "pods":
		return "pods>100"
	case "gpus":
		return "gpus>0"
	case "age":
		return "age<7d"
	case "version":
		return "version<1.36"
	default:
		return ""
	}
}

// needsUsage reports whether a term depends on the pods.
func (t term) needsUsage() bool { return slices.Contains([]string{"cpu", "memory", "pods"}, t.field) }

// open reports whether the value is still to be typed. A field can equal no value, too.
func (t term) open() bool { return t.value == "" && t.op != "=" && t.op != "!=" }

// parseTerm returns the term that a word is. ok is false for any other word.
func parseTerm(text string) (t term, ok bool) {
	at := strings.IndexAny(text, ":<>=!")
	if at <= 0 {
		return term{}, false
	}
	t.field, t.op, t.value = strings.ToLower(text[:at]), text[at:at+1], text[at+1:]
	switch t.op {
	case ":":
		t.value, t.valid = strings.ToLower(t.value), true
		return t, isTextField(t.field)
	case "<", ">":
		return t.comparison(), comparedExample(t.field) != ""
	default:
		return t.equality()
	}
}

// comparison reads the rest of a term that compares.
func (t term) comparison() term {
	value, orEqual := strings.CutPrefix(t.value, "=")
	if orEqual {
		t.op, t.value = t.op+"=", value
	}
	t.number, t.valid = readNumber(t.field, t.value)
	t.valid = t.valid || t.value == "" // somebody is still typing
	return t
}

// equality reads the rest of a term whose field has to have, or not to have, a value.
func (t term) equality() (term, bool) {
	value, unequal := strings.CutPrefix(t.op+t.value, "!=")
	if unequal {
		t.op, t.value = "!=", value
	} else {
		t.value = strings.TrimPrefix(t.value, "=") // a=b and a==b are the same
	}
	if t.field == "pods" {
		t.number, t.valid = readNumber(t.field, t.value)
	} else {
		t.valid = true
	}
	return t, t.op != "!" && (isTextField(t.field) || t.field == "pods")
}

// readNumber returns the value of a comparison: a share of 1 for cpu and memory, a count
// for pods, seconds for age. Versions are compared as texts.
func readNumber(field, value string) (float64, bool) {
	switch field {
	case "version":
		return 0, true
	case "age":
		return readAge(strings.ToLower(value))
	case "pods", "gpus":
		n, err := strconv.Atoi(value)
		return float64(n), err == nil
	default:
		n, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
		return n / 100, err == nil && !math.IsNaN(n)
	}
}

// readAge returns the seconds of an age such as 90s, 30m, 12h, 7d or 2w. Without a unit
// it is in days.
func readAge(age string) (float64, bool) {
	const day = 24 * time.Hour
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day, 'w': 7 * day}
	unit := day
	if age != "" && units[age[len(age)-1]] != 0 {
		unit, age = units[age[len(age)-1]], age[:len(age)-1]
	}
	n, err := strconv.Atoi(age)
	return float64(n) * unit.Seconds(), err == nil
}

// check returns what is wrong with a term.
func (t term) check() (wrong services.FieldErrors) {
	if !t.valid {
		text := services.Clip(t.field + t.op + t.value)
		wrong.Add("q", "error_search_number", "Term", text, "Example", comparedExample(t.field))
	}
	return wrong
}

// matches reports whether a node is as the term says. Without the usage, no node is known
// to be so.
func (t term) matches(n *Node, s sight) bool {
	switch t.op {
	case ":":
		return t.contained(n)
	case "=":
		return t.equals(n, s)
	case "!=":
		return !t.equals(n, s)
	}
	return t.compares(n, s)
}

func (t term) contained(n *Node) bool {
	texts, _ := textsOf(n, t.field)
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(strings.ToLower(text), t.value)
	})
}

// equals reports whether the field has the value, or a label of the field's name has it:
// a team may have a label "pool" of its own.
func (t term) equals(n *Node, s sight) bool {
	switch t.field {
	case "label":
		return matchesLabel(n, t.value)
	case "taint":
		return slices.ContainsFunc(n.Taints, func(taint Taint) bool { return matchesTaint(taint, t.value) })
	case "pods":
		used, known := s.usage.Of(n)
		return known && float64(used.Pods) == t.number
	default:
		return hasValue(n, t.field, t.value)
	}
}

// hasValue reports whether a field, or the label of that name, has a value. Of a version,
// the v may be missing.
func hasValue(n *Node, field, value string) bool {
	label, ok := n.Labels[field]
	if ok && label == value {
		return true
	}
	texts, _ := textsOf(n, field)
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.EqualFold(text, value) || field == "version" && text == "v"+value
	})
}

func (t term) compares(n *Node, s sight) bool {
	if t.needsUsage() && s.usage == nil {
		return false
	}
	order := t.compare(n, s)
	switch t.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// compare compares the field of a node with the value of the term.
func (t term) compare(n *Node, s sight) int {
	used, _ := s.usage.Of(n)
	switch t.field {
	case "version":
		return compareVersions(n.Version, t.value)
	case "age":
		return cmp.Compare(s.now.Sub(n.CreatedAt).Seconds(), t.number)
	case "cpu":
		return cmp.Compare(share(used.CPU, n.AllocatableCPU), t.number)
	case "memory":
		return cmp.Compare(share(used.Memory, n.AllocatableMemory), t.number)
	case "gpus":
		return cmp.Compare(float64(n.GPUCount()), t.number)
	default:
		return cmp.Compare(float64(used.Pods), t.number)
	}
}

// compareVersions compares a version with one that may be shorter: v1.36.2 is the same as
// 1.36. What a distribution adds, as in v1.36.2+k3s1, counts only if want has it, too.
func compareVersions(version, want string) int {
	version, want = strings.TrimPrefix(version, "v"), strings.TrimPrefix(strings.ToLower(want), "v")
	if !strings.ContainsAny(want, "+-") {
		version = version[:max(0, len(version)-len(strings.TrimLeft(version, "0123456789.")))]
		parts := strings.SplitN(version, ".", strings.Count(want, ".")+2)
		version = strings.Join(parts[:min(len(parts), strings.Count(want, ".")+1)], ".")
	}
	return compareNames(version, want)
}
