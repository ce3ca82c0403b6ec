// Package services holds the domain words that all packages share: error codes, the
// actor, roles and permissions, and the checks of a list's query. It imports no
// other package of ours.
package services
