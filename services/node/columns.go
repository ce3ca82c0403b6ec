package node

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
)

// ColumnKeys are the columns of the table that can be chosen, besides labels. The name of
// a node is always the first column.
func ColumnKeys() []string {
	return append(DefaultColumns(), "type", "gpus", "ip", "os", "kernel", "runtime", "arch", "problems", "reason", "by",
		"since")
}

// DefaultColumns are the columns of a table for which nobody has chosen any.
func DefaultColumns() []string {
	return []string{"status", "roles", "pool", "zone", "version", "cpu", "memory", "pods", "tags", "age"}
}

// maxColumns is how many columns a table may have.
const maxColumns = 40

// Columns returns the keys of the columns in a text such as "status,cpu,label:team", and
// what is wrong with it. An empty text has none.
func Columns(text string) (keys []string, wrong services.FieldErrors) {
	if text == "" {
		return nil, nil
	}
	keys = strings.Split(text, ",")
	if len(keys) > maxColumns {
		wrong.Add("cols", "error_form_values", "Count", len(keys), "Max", maxColumns)
		return nil, wrong
	}
	for _, key := range keys {
		label, isLabel := strings.CutPrefix(key, GroupLabel)
		switch {
		case isLabel && len(validation.IsQualifiedName(label)) > 0:
			wrong.Add("cols", "error_group_label", "Key", services.Clip(label))
			return nil, wrong
		case !isLabel && !slices.Contains(ColumnKeys(), key):
			return nil, services.CheckChoice("cols", services.Clip(key), append(ColumnKeys(), GroupLabel+"KEY"))
		}
	}
	return compactAll(keys), nil
}

func (q Query) checkColumns() services.FieldErrors {
	_, wrong := Columns(q.Cols)
	return wrong
}

// compactAll returns the words without those that were there before.
func compactAll(words []string) []string {
	var out []string
	for _, word := range words {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}
