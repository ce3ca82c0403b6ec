package account

import (
	"unicode/utf8"

	"kube-node-manager/services"
)

// Lengths of a password, in characters. There is no rule about its composition:
// such rules lead to worse passwords.
const (
	MinPassword = 12
	MaxPassword = 128
)

// check returns a CodeInvalid error that names every wrong field of a new user.
func check(name, password string, role services.Role, grants []services.Grant) error {
	var wrong services.FieldErrors
	checkName(&wrong, name)
	checkPassword(&wrong, name, password)
	if !role.Valid() {
		wrong.Add("role", "error_no_role")
	}
	checkGrants(&wrong, grants)
	return wrong.Err()
}

// checkPassword refuses a password that is not text, has a wrong length or is easy
// to guess.
func checkPassword(wrong *services.FieldErrors, name, password string) {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || isBlank(password):
		wrong.Add("password", "error_password_blank")
	case n < MinPassword:
		wrong.Add("password", "error_password_short", "Min", MinPassword)
	case n > MaxPassword:
		wrong.Add("password", "error_password_long", "Max", MaxPassword)
	case repeats(password) || isSequence(password):
		wrong.Add("password", "error_password_pattern")
	case mostlyName(name, password):
		wrong.Add("password", "error_password_name")
	case isCommon(password):
		wrong.Add("password", "error_password_common")
	}
}
