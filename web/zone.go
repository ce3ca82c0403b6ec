package web

import (
	"time"
	_ "time/tzdata" // the zones, for machines and containers that have none
)

// maxZoneName is more than the longest name of a zone has.
const maxZoneName = 64

// readerZone returns the zone that a browser named, nil when there is no such.
// "Local" is one that Go knows; it would be the server's.
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
