package template

import (
	"cmp"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
)

// emptyValue is how people write the value that is empty among others. No label
// or taint can have it as its value.
const emptyValue = `""`

// separators makes commas of what people write in their place: the Chinese one,
// and the bars that the list shows.
var separators = strings.NewReplacer("，", ",", "|", ",")

// ParseValues reads the candidate values of one entry as people type them: with
// commas or bars between, the empty one as two quotes. Nothing at all is the
// empty value alone.
//
// Errors: CodeInvalid for the field when there is nothing between two commas,
// which may be a slip.
func ParseValues(field, text string) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return []string{""}, nil
	}
	values := strings.Split(separators.Replace(text), ",")
	for i, value := range values {
		switch value = strings.TrimSpace(value); value {
		case "":
			return nil, services.Invalid(field, "error_template_value_blank")
		case emptyValue:
			values[i] = ""
		default:
			values[i] = value
		}
	}
	return values, nil
}

// FormatValues writes candidate values as ParseValues reads them.
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

// ParseEntry reads an entry as scripts write it: "key=v1|v2" of labels and
// "key=v1|v2:Effect" of taints, where nothing before, between or after the bars
// is the empty value. The parts are checked when the template is.
//
// Errors: CodeInvalid for the field when it is not of that form.
func ParseEntry(kind, field, text string) (operation.TemplateEntry, error) {
	rest, effect, hasEffect := text, "", false
	if kind == operation.TaintTemplate {
		if rest, effect, hasEffect = strings.Cut(text, ":"); !hasEffect {
			return operation.TemplateEntry{}, services.Invalid(field, "error_template_entry_taints", "Entry", clip(text))
		}
	}
	key, values, hasValue := strings.Cut(rest, "=")
	if !hasValue && !hasEffect {
		return operation.TemplateEntry{}, services.Invalid(field, "error_template_entry_labels", "Entry", clip(text))
	}
	return operation.TemplateEntry{Key: key, Effect: effect, Values: strings.Split(values, "|")}, nil
}
