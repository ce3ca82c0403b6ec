// Package people holds the pages of users, and of what belongs to one: access, tokens
// and login sessions.
package people
