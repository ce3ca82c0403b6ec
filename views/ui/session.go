package ui

// SessionEnd is how somebody notices that their login session has ended; "" when
// it has not.
type SessionEnd string

// The ends of login sessions.
const (
	EndNoticed SessionEnd = "noticed" // by something that the page loaded
	EndRefused SessionEnd = "refused" // by an action, which was refused
)

// ParseSessionEnd returns the end that a parameter names, "" for anything else.
func ParseSessionEnd(text string) SessionEnd {
	if end := SessionEnd(text); end == EndNoticed || end == EndRefused {
		return end
	}
	return ""
}
