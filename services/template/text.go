package template

import (
	"cmp"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
)

// emptyValue is how people write the empty value in a list of values. It is not a
// valid value of a label or taint, so it cannot mean anything else.
const emptyValue = `""`

// separators replaces the other separators of values with commas: the Chinese
// comma, and the bars with which the list of templates shows values.
var separators = strings.NewReplacer("，", ",", "|", ",")

// ParseValues parses the candidate values of one entry as people type them:
// separated by commas or bars, the empty value as two quotes. An empty text means
// one empty value.
//
// Errors: CodeInvalid for the field if there is nothing between two separators,
// which is probably a mistake.
func ParseValues(field, text string) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return []string{""}, nil
	}
	values := strings.Split(separators.Replace(text), ",")
	for i, value := range values {
		values[i] = strings.TrimSpace(value)
		switch values[i] {
		case "":
			return nil, services.Invalid(field, "error_template_value_blank")
		case emptyValue:
			values[i] = ""
		}
	}
	return values, nil
}

// FormatValues returns candidate values in the form that ParseValues parses.
func FormatValues(values []string) string {
	if len(values) == 1 && values[0] == "" {
		return ""
	}
	words := slices.Clone(values)
	for i, v := range words {
		words[i] = cmp.Or(v, emptyValue)
	}
	return strings.Join(words, ", ")
}

// ParseEntry parses an entry as scripts write it: "key=v1|v2" for labels, and
// "key=v1|v2:Effect" or "key:Effect" for taints. Nothing before, between or after
// the bars is the empty value. The parts are checked later, with the template.
//
// Errors: CodeInvalid for the field if the text does not have this form.
func ParseEntry(kind, field, text string) (operation.TemplateEntry, error) {
	taint := kind == operation.TaintTemplate
	rest, effect := text, ""
	if taint {
		var found bool
		rest, effect, found = strings.Cut(text, ":")
		if !found {
			return malformed(kind, field, text)
		}
	}
	key, values, found := strings.Cut(rest, "=")
	if !found && !taint {
		return malformed(kind, field, text)
	}
	return operation.TemplateEntry{Key: key, Effect: effect, Values: strings.Split(values, "|")}, nil
}

func malformed(kind, field, text string) (operation.TemplateEntry, error) {
	err := services.Invalid(field, "error_template_entry_"+kind, "Entry", services.Clip(text))
	return operation.TemplateEntry{}, err
}
