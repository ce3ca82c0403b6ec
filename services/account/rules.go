package account

import (
	"unicode/utf8"

	"kube-node-manager/services"
)

// Lengths of a password, in characters. There is no rule about its composition:
// such rules make passwords worse.
const (
	MinPassword = 12
	MaxPassword = 128
)

// check names every wrong field of a user to be.
func check(name, password string, role services.Role) error {
	var wrong []services.FieldError
	if err := checkName(name); err != nil {
		wrong = append(wrong, *err)
	}
	if err := checkPassword(name, password); err != nil {
		wrong = append(wrong, *err)
	}
	if !role.Valid() {
		wrong = append(wrong, services.FieldError{Field: "role", Text: "error_no_role"})
	}
	if len(wrong) > 0 {
		return services.InvalidFields(wrong...)
	}
	return nil
}

// checkPassword refuses what is no password, and what is guessed first.
func checkPassword(name, password string) *services.FieldError {
	wrong := func(text string, args ...any) *services.FieldError {
		return &services.FieldError{Field: "password", Text: text, Args: services.Args(args...)}
	}
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || isBlank(password):
		return wrong("error_password_blank")
	case n < MinPassword:
		return wrong("error_password_short", "Min", MinPassword)
	case n > MaxPassword:
		return wrong("error_password_long", "Max", MaxPassword)
	case repeats(password) || runsOn(password):
		return wrong("error_password_pattern")
	case mostlyName(name, password):
		return wrong("error_password_name")
	case isCommon(password):
		return wrong("error_password_common")
	default:
		return nil
	}
}
