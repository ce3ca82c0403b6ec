package operation

import (
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// The modes of label and taint batches.
const (
	ModeAdd     = "add"     // set what is named, and remove what is named with a minus
	ModeRemove  = "remove"  // remove what is named
	ModeReplace = "replace" // set what is named, and remove the rest that is not protected
	ModeMerge   = "merge"   // of a copy: add
)

// Effects lists the effects of taints.
func Effects() []string { return []string{"NoSchedule", "PreferNoSchedule", "NoExecute"} }

// MaxEntries is how many labels or taints one request may name. Each of them is
// planned for each node.
const MaxEntries = 100

// readEntries is Entries, unless there are more than MaxEntries.
//
// Errors: CodeInvalid names the field.
func readEntries(form url.Values, field string) ([]string, error) {
	entries := Entries(form[field])
	return entries, CheckEntries(field, entries)
}

// CheckEntries refuses more than MaxEntries.
//
// Errors: CodeInvalid names the field.
func CheckEntries(field string, entries []string) error {
	if len(entries) > MaxEntries {
		return services.Invalid(field, "error_entries_many", "Count", len(entries), "Max", MaxEntries)
	}
	return nil
}

// Entries splits the values of a form's field into single entries: each may be
// one, or several as they are pasted, with commas, blanks or lines between.
func Entries(values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, strings.FieldsFunc(v, func(r rune) bool {
			return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
		})...)
	}
	return out
}

// ParseLabel reads kubectl's forms "key=value" and, to remove, "key-". A bare
// "key" is a key without a value, which only a removal can mean.
//
// Errors: CodeInvalid names the field "label".
func ParseLabel(text string) (key, value string, form Form, err error) {
	key, value, form = text, "", FormBare
	if before, after, found := strings.Cut(text, "="); found {
		key, value, form = before, after, FormSet
	} else if before, found := strings.CutSuffix(text, "-"); found {
		key, form = before, FormRemove
	}
	if err := CheckKey("label", text, key); err != nil {
		return "", "", 0, err
	}
	return key, value, form, CheckValue("label", text, value)
}

// ParseTaint reads kubectl's forms "key=value:Effect" and "key:Effect" and, to
// remove, "key:Effect-" and "key-". A bare "key" means every effect of the key,
// which only a removal can.
//
// Errors: CodeInvalid names the field "taint".
func ParseTaint(text string) (node.Taint, Form, error) {
	rest, form := text, FormSet
	if before, found := strings.CutSuffix(text, "-"); found {
		rest, form = before, FormRemove
	}
	pair, effect, hasEffect := strings.Cut(rest, ":")
	key, value, hasValue := strings.Cut(pair, "=")
	t := node.Taint{Key: key, Value: value, Effect: effect}
	if form == FormSet && !hasEffect {
		form = FormBare
	}
	if err := CheckKey("taint", text, key); err != nil {
		return t, form, err
	}
	if err := CheckValue("taint", text, value); err != nil {
		return t, form, err
	}
	if hasEffect || hasValue { // a value is of one effect
		return t, form, CheckEffect("taint", text, effect)
	}
	return t, form, nil
}

// Form says how an entry was written.
type Form int

// The forms of an entry.
const (
	FormSet    Form = iota + 1 // with a value, or an effect
	FormRemove                 // with a minus at its end
	FormBare                   // a key alone
)

// CheckKey checks the key of a label or taint as the API server does. The error
// names the field and quotes the entry.
func CheckKey(field, entry, key string) error {
	if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
		return services.Invalid(field, "error_entry_key", "Entry", clip(entry), "Key", clip(key))
	}
	return nil
}

// CheckValue checks the value of a label or taint as the API server does.
func CheckValue(field, entry, value string) error {
	if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
		return services.Invalid(field, "error_entry_value", "Entry", clip(entry), "Value", clip(value))
	}
	return nil
}

// CheckEffect checks the effect of a taint.
func CheckEffect(field, entry, effect string) error {
	for _, e := range Effects() {
		if e == effect {
			return nil
		}
	}
	return services.Invalid(field, "error_entry_effect", "Entry", clip(entry), "Effect", clip(effect))
}

// parseMode reads the mode, the first of the allowed ones unless one is named.
func parseMode(form url.Values, allowed ...string) (string, error) {
	mode := form.Get("mode")
	switch {
	case mode == "":
		return allowed[0], nil
	case slices.Contains(allowed, mode):
		return mode, nil
	default:
		return "", services.Invalid("mode", "error_choice", "Value", clip(mode), "Choices", strings.Join(allowed, ", "))
	}
}

// parseFlag reads yes or no; what is left out is the default.
func parseFlag(form url.Values, field string, otherwise bool) (bool, error) {
	switch text := strings.ToLower(form.Get(field)); text {
	case "":
		return otherwise, nil
	case "1", "on", "true", "yes":
		return true, nil
	case "0", "off", "false", "no":
		return false, nil
	default:
		return otherwise, services.Invalid(field, "error_flag", "Value", clip(text))
	}
}

// removes reports whether an entry that was written so removes in this mode. In
// the mode that removes, a minus may be left out; a replacement names only what
// stays.
func removes(field, text, mode string, how Form) (bool, error) {
	switch {
	case mode == ModeRemove && how == FormSet:
		return false, services.Invalid(field, "error_entry_remove_value", "Entry", clip(text))
	case mode == ModeReplace && how == FormRemove:
		return false, services.Invalid(field, "error_entry_replace_minus", "Entry", clip(text))
	case mode != ModeRemove && how == FormBare:
		return false, services.Invalid(field, "error_entry_bare_"+field, "Entry", clip(text))
	default:
		return how != FormSet, nil
	}
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
