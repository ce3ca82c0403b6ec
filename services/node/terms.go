package node

import (
	"cmp"
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

// A term is a word of a search that is about one field: zone:eu-1a, cpu>80%, age<7d. A
// word whose field is not known is an ordinary word: labels, taints and addresses have
// the same signs.
type term struct {
	field, op, value string

	texts  func(n *Node) []string // for the sign ":"
	number float64                // for the others: see readNumber
	valid  bool                   // value is a number of the field, or has none yet
}

// textFields are the fields of which the value of a term such as zone:eu has to be a part.
func textFields() map[string]func(n *Node) []string {
	return map[string]func(n *Node) []string{
		"name":    func(n *Node) []string { return []string{n.Name} },
		"status":  func(n *Node) []string { return []string{n.StatusText(), n.StatusReason} },
		"role":    func(n *Node) []string { return n.Roles },
		"pool":    func(n *Node) []string { return []string{n.Pool} },
		"zone":    func(n *Node) []string { return []string{n.Zone} },
		"version": func(n *Node) []string { return []string{n.Version} },
		"ip":      func(n *Node) []string { return []string{n.InternalIP} },
		"reason":  func(n *Node) []string { return []string{n.Reason} },
		"by":      func(n *Node) []string { return []string{n.ReasonBy} },
		"label":   labelTexts,
		"taint":   taintTexts,
	}
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

// comparedFields are the fields of a term such as cpu>80%, with an example.
func comparedFields() map[string]string {
	return map[string]string{
		"cpu": "cpu>80%", "memory": "memory>80%", "pods": "pods>100", "age": "age<7d", "version": "version<1.36",
	}
}

// needsUsage reports whether a term depends on the pods.
func (t term) needsUsage() bool { return slices.Contains([]string{"cpu", "memory", "pods"}, t.field) }

// parseTerm returns the term that a word in lower case is. ok is false for an ordinary
// word.
func parseTerm(word string) (t term, ok bool) {
	at := strings.IndexAny(word, ":<>")
	if at <= 0 {
		return term{}, false
	}
	t.field, t.op, t.value = word[:at], word[at:at+1], word[at+1:]
	if t.op == ":" {
		t.texts, t.valid = textFields()[t.field], true
		return t, t.texts != nil
	}
	value, orEqual := strings.CutPrefix(t.value, "=")
	if orEqual {
		t.op, t.value = t.op+"=", value
	}
	t.number, t.valid = readNumber(t.field, t.value)
	t.valid = t.valid || t.value == "" // somebody is still typing
	return t, comparedFields()[t.field] != ""
}

// readNumber returns the value of a comparison: a share of 1 for cpu and memory, a count
// for pods, seconds for age. Versions are compared as texts.
func readNumber(field, value string) (float64, bool) {
	switch field {
	case "version":
		return 0, true
	case "age":
		return readAge(value)
	case "pods":
		n, err := strconv.Atoi(value)
		return float64(n), err == nil
	default:
		n, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
		return n / 100, err == nil
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
		wrong.Add("q", "error_search_number", "Term", t.field+t.op+t.value, "Example", comparedFields()[t.field])
	}
	return wrong
}

// matches reports whether a node is as the term says. Without the usage, no node is known
// to be so.
func (t term) matches(n *Node, s sight) bool {
	if t.value == "" {
		return true
	}
	if t.op == ":" {
		return slices.ContainsFunc(t.texts(n), func(text string) bool {
			return strings.Contains(strings.ToLower(text), t.value)
		})
	}
	if _, known := s.usage.Of(n); t.needsUsage() && !known {
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
		return compareNames(strings.TrimPrefix(n.Version, "v"), strings.TrimPrefix(t.value, "v"))
	case "age":
		return cmp.Compare(s.now.Sub(n.CreatedAt).Seconds(), t.number)
	case "cpu":
		return cmp.Compare(share(used.CPU, n.AllocatableCPU), t.number)
	case "memory":
		return cmp.Compare(share(used.Memory, n.AllocatableMemory), t.number)
	default:
		return cmp.Compare(float64(used.Pods), t.number)
	}
}

// terms returns the terms of a text.
func terms(text string) (all []term) {
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		t, ok := parseTerm(strings.TrimPrefix(word, "!"))
		if ok {
			all = append(all, t)
		}
	}
	return all
}
