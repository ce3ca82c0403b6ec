package web

import (
	"time"
	_ "time/tzdata" // the time zones, for machines and containers without them
)

// maxZoneName is longer than the name of any time zone.
const maxZoneName = 64

// readerZone returns the time zone that a browser has named, or nil if it is unknown. It
// does not accept "Local", which is the time zone of the server.
func readerZone(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > maxZoneName {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}
