package ui

// Count is one number of the tally.
type Count struct {
	ID    string
	Count int
	Class string
}
