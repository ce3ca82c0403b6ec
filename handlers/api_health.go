package handlers

// healthFields are the fields of what must hold between two waves.
func healthFields() []apiField {
	return []apiField{
		flagField("health_nodes", "Every node that was Ready when the batch began is Ready."),
		numberOf("health_pending", "So many more pods may be unschedulable; empty for any number."),
		numberOf("health_workloads", "Percentage of Ready pods that workloads must have again whose pods were moved."),
		textField("health_prometheus", "Address of a Prometheus server; empty for none."),
		textField("health_query", "Query that it is asked."),
		textField("health_below", "Number that every value of the answer must be below."),
		textField("health_for", "How long all of it must hold, such as `2m`."),
		textField("health_timeout", "After how long the batch pauses, such as `30m`."),
	}
}
