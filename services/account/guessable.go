package account

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// commonWords are words of which many passwords consist, in lower case, one on each
// line. Most common passwords are shorter than MinPassword and are refused for that;
// what remains are such words with digits and signs around them, and some phrases.
//
//go:embed common.txt
var commonWords string

func isBlank(password string) bool { return password != "" && strings.TrimSpace(password) == "" }

// repeats reports whether a password is one short part, repeated.
func repeats(password string) bool {
	runes := []rune(strings.ToLower(password))
	for period := 1; period <= len(runes)/2 && period < MinPassword; period++ {
		if slices.Equal(runes[period:], runes[:len(runes)-period]) {
			return true
		}
	}
	return false
}

// isSequence reports whether a password is a part of the alphabet, the digits, or the
// rows or columns of a keyboard, forwards or backwards.
func isSequence(password string) bool {
	const (
		letters = "abcdefghijklmnopqrstuvwxyz"
		digits  = "1234567890"
		rows    = "qwertyuiopasdfghjklzxcvbnm"
		columns = "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"
	)
	password = strings.ToLower(password)
	sequences := []string{letters + letters, "0" + digits + digits + digits, digits + rows + rows, columns + columns}
	for _, sequence := range sequences {
		if strings.Contains(sequence, password) || strings.Contains(reverse(sequence), password) {
			return true
		}
	}
	return false
}

func reverse(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}

// mostlyName reports whether little remains of a password without the user's name.
// It ignores signs, and looks for the name forwards and backwards, with and without
// the part that begins with an @.
func mostlyName(name, password string) bool {
	const (
		shortest = 3 // characters; shorter names are in too many words
		enough   = 8 // characters that must remain
	)
	rest := plainLetters(foldName(password))
	local, _, _ := strings.Cut(foldName(name), "@")
	for _, variant := range []string{plainLetters(foldName(name)), plainLetters(local)} {
		if utf8.RuneCountInString(variant) < shortest {
			continue
		}
		left := strings.ReplaceAll(strings.ReplaceAll(rest, variant, ""), reverse(variant), "")
		if left != rest && utf8.RuneCountInString(left) < enough {
			return true
		}
	}
	return false
}

// plainLetters removes all characters but letters and digits.
func plainLetters(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, s)
}

// isCommon reports whether a password consists of common words only. It ignores digits
// and signs between and around them, and undoes the usual replacements of letters
// (p4ssw0rd).
func isCommon(password string) bool {
	lower := strings.ToLower(password)
	unleet := strings.NewReplacer(
		"0", "o", "1", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "!", "i")
	for _, text := range []string{lower, unleet.Replace(lower)} {
		if madeOfCommonWords(lettersOf(text)) {
			return true
		}
	}
	if slices.Contains(strings.Fields(commonWords), lower) {
		return true
	}
	// Digits at the ends may be just digits: p4ssword1234.
	core := strings.TrimFunc(lower, func(c rune) bool { return !unicode.IsLetter(c) })
	return madeOfCommonWords(lettersOf(unleet.Replace(core)))
}

func lettersOf(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) {
			return c
		}
		return -1
	}, s)
}

// madeOfCommonWords reports whether letters can be split into common words. A longer
// row of words is a phrase that is hard to guess.
func madeOfCommonWords(letters string) bool {
	const phrase = 24
	if letters == "" || len(letters) > phrase {
		return false
	}
	words := strings.Fields(commonWords)
	split := make([]bool, len(letters)+1) // split[i]: letters[:i] can be split
	split[0] = true
	for i := range letters {
		if !split[i] {
			continue
		}
		for _, word := range words {
			if strings.HasPrefix(letters[i:], word) {
				split[i+len(word)] = true
			}
		}
	}
	return split[len(letters)]
}
