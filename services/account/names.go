package account

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kube-node-manager/services"
)

// normalName is how a name is stored: the same letters are the same characters,
// whether typed wide, composed or in parts.
func normalName(name string) string { return norm.NFKC.String(name) }

// foldName is a name without the case of its letters, to tell names apart.
func foldName(name string) string {
	return strings.ToLower(strings.ToUpper(normalName(name)))
}

// namePattern is 1 to 64 letters, digits and . _ - @, not beginning with a sign: a
// command would take -x for an option.
var namePattern = regexp.MustCompile(`^[\pL\pN_][\pL\pN._@-]{0,63}$`)

// checkName refuses what cannot be a name, and one whose letters are of several
// alphabets that look alike: an "a" may be Latin or Cyrillic.
func checkName(name string) *services.FieldError {
	if !namePattern.MatchString(name) {
		return &services.FieldError{Field: "name", Text: "error_name"}
	}
	alphabets := 0
	for _, alphabet := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek} {
		if strings.ContainsFunc(name, func(c rune) bool { return unicode.Is(alphabet, c) }) {
			alphabets++
		}
	}
	if alphabets > 1 {
		return &services.FieldError{Field: "name", Text: "error_name_alphabets"}
	}
	return nil
}

const maxTokenName = 64

// checkLabel returns the label of a token as it is stored. It is shown on
// terminals and pages, so it has no characters that do something there.
func checkLabel(label string) (string, error) {
	label = norm.NFC.String(strings.TrimSpace(label))
	if label == "" || utf8.RuneCountInString(label) > maxTokenName {
		return "", services.Invalid("label", "error_token_name", "Max", maxTokenName)
	}
	if !utf8.ValidString(label) || strings.ContainsFunc(label, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return "", services.Invalid("label", "error_token_name_signs")
	}
	return label, nil
}
