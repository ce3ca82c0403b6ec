package account

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kube-node-manager/services"
)

// normalName returns a name in the Unicode form in which it is stored, so that a name
// is the same whether its letters were typed full-width, composed or decomposed.
func normalName(name string) string { return norm.NFKC.String(name) }

// foldName returns a name in one case, to compare names.
func foldName(name string) string {
	return strings.ToLower(strings.ToUpper(normalName(name)))
}

// namePattern allows 1 to 64 letters, digits, and the characters . _ - @. A name must
// not begin with a dash, because a command would take it for an option, nor with
// a dot or an @.
var namePattern = regexp.MustCompile(`^[\pL\pN_][\pL\pN._@-]{0,63}$`)

// checkName refuses what is not a valid name, and a name that mixes alphabets whose
// letters look alike: an "a" may be Latin or Cyrillic.
func checkName(wrong *services.FieldErrors, name string) {
	if !namePattern.MatchString(name) {
		wrong.Add("name", "error_name")
		return
	}
	if foldName(name) == "new" { // the page of a new user has its address
		wrong.Add("name", "error_name_taken", "Name", name)
		return
	}
	alphabets := 0
	for _, alphabet := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek} {
		if strings.ContainsFunc(name, func(c rune) bool { return unicode.Is(alphabet, c) }) {
			alphabets++
		}
	}
	if alphabets > 1 {
		wrong.Add("name", "error_name_alphabets")
	}
}

// maxTokenName is the most characters that the label of a token may have.
const maxTokenName = 64

// checkLabel returns the label of a token as it is stored, or CodeInvalid. Labels are
// shown on terminals and pages, so control characters are refused.
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
