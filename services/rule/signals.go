package rule

import "kube-node-manager/services/form"

// When the program tells a cluster something.
const (
	Auto = "auto" // if its account may
	On   = "on"
	Off  = "off"
)

// Signals is what the cluster is told about maintenance.
type Signals struct {
	// Conditions is when nodes get the conditions that say where they are in their
	// maintenance.
	Conditions string `json:"conditions"`
	// Events is when there are events about nodes that say what happens to them.
	Events string `json:"events"`
}

func defaultSignals() Signals { return Signals{Conditions: Auto, Events: Auto} }

func (o *Signals) read(r *form.Reader) {
	o.Conditions = choice(r, "node_conditions", o.Conditions, Auto, On, Off)
	o.Events = choice(r, "node_events", o.Events, Auto, On, Off)
}

func (o *Signals) fields(f form.Fields) {
	f["node_conditions"] = []string{o.Conditions}
	f["node_events"] = []string{o.Events}
}

// choice reads one of the choices. A missing field keeps its value.
func choice(r *form.Reader, name, otherwise string, choices ...string) string {
	if r.Text(name) == "" {
		return otherwise
	}
	return r.Choice(name, choices...)
}
