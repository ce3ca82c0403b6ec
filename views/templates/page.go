package templates

import (
	"time"

	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// View is the page of one template.
type View struct {
	Template  template.Template
	Clusters  []ui.Cluster // where it may be applied
	Unknown   []string     // names of clusters that do not exist
	MayChange bool
	Now       time.Time
}
