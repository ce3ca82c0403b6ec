package plan

import "strings"

// Pod is the one pod that a plan is about.
type Pod struct {
	Name string // "namespace/name"
	UID  string
}

// Short gives the pod's name without its namespace: what a person types to
// confirm.
func (p Pod) Short() string {
	_, name, _ := strings.Cut(p.Name, "/")
	return name
}
