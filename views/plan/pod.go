package plan

import "strings"

// Pod is the pod that a plan would delete.
type Pod struct {
	Name string // "namespace/name"
	UID  string
}

// Short returns the pod's name without its namespace, which the user types to
// confirm.
func (p Pod) Short() string {
	_, name, _ := strings.Cut(p.Name, "/")
	return name
}
