package cluster

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
)

// Properties are what people set for a cluster.
type Properties struct {
	Name     string
	Labels   map[string]string
	Colour   string // one of Colours, or "" for none
	Position int    // in lists, from 1; 0 is after all others
	ActAs    bool   // changes are made in the name of their user
}

const (
	maxName   = 100 // characters
	maxLabels = 20
)

// reserved are the names that stand for something else in addresses.
func reserved() []string { return []string{"new"} }

// checkNew returns an error that names every wrong property of a cluster that is
// called old now; "" stands for a new one.
func (r *Registry) checkNew(p Properties, old string) error {
	var wrong services.FieldErrors
	switch {
	case p.Name == old:
	case !plainName(p.Name):
		wrong.Add("name", "error_cluster_name", "Max", maxName)
	case slices.Contains(reserved(), p.Name):
		wrong.Add("name", "error_cluster_name_reserved", "Name", p.Name)
	case r.known(p.Name):
		wrong.Add("name", "error_cluster_name_taken", "Name", p.Name)
	}
	wrong = append(wrong, services.CheckChoice("colour", p.Colour, Colours())...)
	if p.Position < 0 || p.Position > maxPosition {
		wrong.Add("position", "error_range", "Value", p.Position, "Min", 0, "Max", maxPosition)
	}
	checkLabels(p.Labels, &wrong)
	return wrong.Err()
}

func (r *Registry) known(name string) bool {
	_, err := r.find(name)
	return err == nil
}

// plainName reports whether a name can be read, typed and found again.
func plainName(name string) bool {
	if name == "" || name == "." || name == ".." || utf8.RuneCountInString(name) > maxName {
		return false
	}
	if strings.TrimSpace(name) != name || !utf8.ValidString(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsGraphic(c) || c == utf8.RuneError })
}

// checkLabels applies the rules of Kubernetes, because people know them.
func checkLabels(labels map[string]string, wrong *services.FieldErrors) {
	if len(labels) > maxLabels {
		wrong.Add("labels", "error_cluster_labels", "Max", maxLabels)
		return
	}
	for key, value := range labels {
		if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
			wrong.Add("labels", "error_cluster_label", "Label", services.Clip(key+"="+value))
			return
		}
	}
}
