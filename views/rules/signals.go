package rules

import "kube-node-manager/services/rule"

// tellChoices returns when the cluster is told something.
func tellChoices() []string { return []string{rule.Auto, rule.On, rule.Off} }
