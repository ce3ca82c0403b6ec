package operation

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// The modes of label, taint and annotation batches.
const (
	ModeAdd     = "add"     // set what is named, and remove what is named with a minus
	ModeRemove  = "remove"  // remove what is named
	ModeReplace = "replace" // set what is named, and remove the rest that is not protected
	ModeMerge   = "merge"   // of a copy: add
)

// Effects lists the effects of taints.
func Effects() []string { return []string{"NoSchedule", "PreferNoSchedule", "NoExecute"} }

// MaxEntries is how many labels, taints or annotations one request may name. Each of them is
// planned for each node.
const MaxEntries = 100

// CheckEntries refuses more than MaxEntries.
//
// Errors: CodeInvalid names the field.
func CheckEntries(field string, entries []string) error {
	if len(entries) > MaxEntries {
		return services.Invalid(field, "error_entries_many", "Count", len(entries), "Max", MaxEntries)
	}
	return nil
}

// addEntries adds the entries of a field one by one, as far as the first that is
// refused; none is the message for a field without any.
func addEntries(field, none string, entries []string, add func(entry string) error) error {
	if len(entries) == 0 {
		return services.Invalid(field, none)
	}
	if err := CheckEntries(field, entries); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := add(entry); err != nil {
			return err
		}
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
func ParseLabel(text string) (key, value string, how Form, err error) {
	key, value, how = splitEntry(text)
	if err := CheckKey("label", text, key); err != nil {
		return "", "", 0, err
	}
	return key, value, how, CheckValue("label", text, value)
}

// splitEntry splits "key=value", "key-" and "key".
func splitEntry(text string) (key, value string, how Form) {
	before, after, found := strings.Cut(text, "=")
	if found {
		return before, after, FormSet
	}
	before, found = strings.CutSuffix(text, "-")
	if found {
		return before, "", FormRemove
	}
	return text, "", FormBare
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
		return services.Invalid(field, "error_entry_key", "Entry", services.Clip(entry), "Key", services.Clip(key))
	}
	return nil
}

// CheckValue checks the value of a label or taint as the API server does.
func CheckValue(field, entry, value string) error {
	if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
		return services.Invalid(field, "error_entry_value", "Entry", services.Clip(entry), "Value", services.Clip(value))
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
	return services.Invalid(field, "error_entry_effect", "Entry", services.Clip(entry), "Effect", services.Clip(effect))
}

// removes reports whether an entry that was written so removes in this mode. In
// the mode that removes, a minus may be left out; a replacement names only what
// stays.
func removes(field, text, mode string, how Form) (bool, error) {
	switch {
	case mode == ModeRemove && how == FormSet:
		return false, services.Invalid(field, "error_entry_remove_value", "Entry", services.Clip(text))
	case mode == ModeReplace && how == FormRemove:
		return false, services.Invalid(field, "error_entry_replace_minus", "Entry", services.Clip(text))
	case mode != ModeRemove && how == FormBare:
		return false, services.Invalid(field, "error_entry_bare_"+field, "Entry", services.Clip(text))
	default:
		return how != FormSet, nil
	}
}
