package templates

import (
	"time"

	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// View is the page of one template.
type View struct {
	Template  template.Template
	Clusters  []ui.Cluster // in which it may be applied
	Unknown   []string     // clusters that it names and nobody has
	MayChange bool
	Now       time.Time
}
