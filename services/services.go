// Package services holds the domain words that every room shares: error codes,
// the actor, roles and permissions. It imports nothing of ours.
package services
