package ui

// Count is one number of a tally, with the message that names it.
type Count struct {
	ID    string // of the message
	Count int
	Class string // of its element, or ""
}
