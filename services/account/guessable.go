package account

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// commonWords are what many passwords are made of, one a line, in small letters.
// Most common passwords are shorter than MinPassword and are refused for that; what
// is left are such words with something around them, and some phrases.
//
//go:embed common.txt
var commonWords string

func isBlank(password string) bool { return password != "" && strings.TrimSpace(password) == "" }

// repeats reports whether a password is one short part again and again.
func repeats(password string) bool {
	runes := []rune(strings.ToLower(password))
	for period := 1; period <= len(runes)/2 && period < MinPassword; period++ {
		if slices.Equal(runes[period:], runes[:len(runes)-period]) {
			return true
		}
	}
	return false
}

// runsOn reports whether a password is a run along the alphabet, the digits or the
// rows of a keyboard, forwards or backwards.
func runsOn(password string) bool {
	const (
		letters = "abcdefghijklmnopqrstuvwxyz"
		digits  = "1234567890"
		rows    = "qwertyuiopasdfghjklzxcvbnm"
		columns = "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"
	)
	password = strings.ToLower(password)
	runs := []string{letters + letters, "0" + digits + digits + digits, digits + rows + rows, columns + columns}
	for _, run := range runs {
		if strings.Contains(run, password) || strings.Contains(reverse(run), password) {
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

// mostlyName reports whether little is left of a password without the user's own
// name, forwards or backwards, with or without signs, or what is before its @.
func mostlyName(name, password string) bool {
	const (
		shortest = 3 // a name below that is in every other word
		enough   = 8 // characters beside the name
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

// plainLetters drops all but letters and digits.
func plainLetters(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, s)
}

// isCommon reports whether a password is made of common words alone, with any
// digits and signs between and around them and the usual digits for letters.
func isCommon(password string) bool {
	lower := strings.ToLower(password)
	unleet := strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "!", "i")
	for _, text := range []string{lower, unleet.Replace(lower)} {
		if madeOfCommonWords(lettersOf(text)) {
			return true
		}
	}
	if slices.Contains(strings.Fields(commonWords), lower) {
		return true
	}
	// With digits at the ends that stand for no letters: p4ssword1234.
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

// madeOfCommonWords reports whether letters can be parted into common words. Many
// of them in a row are a phrase that nobody guesses.
func madeOfCommonWords(letters string) bool {
	const phrase = 24
	if letters == "" || len(letters) > phrase {
		return false
	}
	words := strings.Fields(commonWords)
	parted := make([]bool, len(letters)+1) // parted[i]: letters[:i] can be
	parted[0] = true
	for i := range letters {
		if !parted[i] {
			continue
		}
		for _, word := range words {
			if strings.HasPrefix(letters[i:], word) {
				parted[i+len(word)] = true
			}
		}
	}
	return parted[len(letters)]
}
