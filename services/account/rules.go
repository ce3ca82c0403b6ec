package account

import (
	"regexp"
	"strings"
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
	if !namePattern.MatchString(name) {
		wrong = append(wrong, services.FieldError{Field: "name", Text: "error_name"})
	}
	if err := checkPassword(password); err != nil {
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

// namePattern is 1 to 64 letters, digits and . _ - @.
var namePattern = regexp.MustCompile(`^[\pL\pN._@-]{1,64}$`)

func checkPassword(password string) *services.FieldError {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || strings.TrimSpace(password) == "" && n > 0:
		return &services.FieldError{Field: "password", Text: "error_password_blank"}
	case n < MinPassword:
		return &services.FieldError{Field: "password", Text: "error_password_short", Args: services.Args("Min", MinPassword)}
	case n > MaxPassword:
		return &services.FieldError{Field: "password", Text: "error_password_long", Args: services.Args("Max", MaxPassword)}
	default:
		return nil
	}
}
