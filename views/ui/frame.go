package ui

import (
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
)

// Frame is what surrounds the content of every page for a signed-in user.
type Frame struct {
	Title    string // of the browser tab, translated
	Current  string // the entry of the rail: "nodes", "batches", "templates", "audit", "clusters" or ""
	Cluster  string // the cluster that the page is about, or ""
	Clusters []Cluster
	Running  int // batches running now
	User     string
	Role     services.Role
	Theme    string          // "", "light" or "dark"
	Path     string          // the path and query of the page, to return to
	Stream   string          // address of the page's event stream, without its batch; "" for none
	Dock     templ.Component // the batch in the dock, or nil
	Reload   string          // address to reload every two seconds without JavaScript, or ""
	Now      time.Time
	Version  string
}
