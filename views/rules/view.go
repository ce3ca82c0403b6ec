// Package rules is the page of the rules of a cluster.
package rules

import (
	"time"

	"kube-node-manager/services/form"
	"kube-node-manager/views/ui"
)

// View is the rules of a cluster as a form.
type View struct {
	Cluster   string
	Fields    form.Fields // of the rules, or as they were sent
	UpdatedBy string      // "" if the rules were never set
	UpdatedAt time.Time
	Now       time.Time
	MayChange bool
	Problem   *ui.Problem
}
