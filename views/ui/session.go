package ui

// SessionEnd is how a user noticed that their login session has ended, "" when it
// has not.
type SessionEnd string

// The ways to notice it.
const (
	EndNoticed SessionEnd = "noticed" // the page tried to load something
	EndRefused SessionEnd = "refused" // an action was refused
)

// ParseSessionEnd returns the value of a parameter, "" for an unknown one.
func ParseSessionEnd(text string) SessionEnd {
	end := SessionEnd(text)
	if end != EndNoticed && end != EndRefused {
		return ""
	}
	return end
}
