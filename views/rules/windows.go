package rules

import (
	"slices"
	"strconv"

	"kube-node-manager/services/rule"
)

// windowRows returns the numbers of the windows of the form: those that there are, and an
// empty one.
func windowRows(v View) []int {
	rows := []int{}
	for number := 1; number <= rule.MaxWindows; number++ {
		rows = append(rows, number)
		used := slices.ContainsFunc(rule.WindowFields(), func(name string) bool {
			return v.Fields.Text(windowName(name, number)) != ""
		})
		if !used {
			break
		}
	}
	return rows
}

// windowName returns the name of a field of a window.
func windowName(name string, number int) string { return "window_" + name + "_" + strconv.Itoa(number) }
