package services

import "time"

// Standing is what a user may do now, for what runs in their name.
type Standing struct {
	Actor    Actor
	Disabled bool
	ResetAt  time.Time // when an administrator last set the password; zero for never
}
