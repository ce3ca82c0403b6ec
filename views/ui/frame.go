package ui

import (
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
)

// Frame is what every signed-in page has around its content.
type Frame struct {
	Title    string // translated; of the browser's tab
	Current  string // "nodes", "batches", "clusters" or ""
	Cluster  string // the cluster that the page is about, or ""
	Clusters []Cluster
	Running  int // batches running now
	User     string
	Role     services.Role
	Theme    string          // "", "light" or "dark"
	Path     string          // the page's own path and query, to come back to
	Stream   string          // URL of the page's event stream, without its batch; "" for none
	Dock     templ.Component // the batch that the dock shows, or nil
	Reload   string          // address to load again every two seconds without JavaScript, or ""
	Now      time.Time
	Version  string
}
