package nodes

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// moreColumns are the columns that the usual table does not have.
func moreColumns(v *ListView) []column {
	return slices.Concat([]column{
		textColumn("type", "col_type", (*node.Node).InstanceType),
		{
			Key: "gpus", Title: "col_gpus", Class: "num", Sort: "gpus", LargestFirst: true, Cell: cellOf(v, gpusCell),
			CSV: "gpus", Value: gpusText,
		},
	}, softwareColumns(), []column{
		textColumn("problems", "col_problems", func(n *node.Node) string { return ui.Joined(n.Problems) }),
		textColumn("reason", "col_reason", func(n *node.Node) string { return n.Reason }),
		textColumn("by", "col_cordoned_by", func(n *node.Node) string { return n.ReasonBy }),
		{
			Key: "since", Title: "col_cordoned_since", Class: "num", Cell: cellOf(v, sinceCell),
			CSV: "reasonSince", Value: func(n *node.Node) string { return timeText(n.ReasonSince) },
		},
	})
}

func softwareColumns() []column {
	return []column{
		textColumn("ip", "col_ip", func(n *node.Node) string { return n.InternalIP }),
		textColumn("os", "info_os", func(n *node.Node) string { return n.OSImage }),
		textColumn("kernel", "info_kernel", func(n *node.Node) string { return n.Kernel }),
		textColumn("runtime", "info_runtime", func(n *node.Node) string { return n.Runtime }),
		textColumn("arch", "info_arch", func(n *node.Node) string { return n.Architecture }),
	}
}

// textColumn is a column of texts.
func textColumn(key, title string, value func(n *node.Node) string) column {
	return column{Key: key, Title: title, Cell: textCellOf(value), CSV: csvName(key), Value: value}
}

// csvName returns the name that a column has in the CSV. It is the one of JSON.
func csvName(key string) string {
	names := map[string]string{
		"type": "instanceType", "ip": "internalIP", "os": "osImage", "runtime": "containerRuntime",
		"arch": "architecture", "by": "reasonBy",
	}
	if name, ok := names[key]; ok {
		return name
	}
	return key
}

// labelColumn is the column of a label.
func labelColumn(key, label string) column {
	value := func(n *node.Node) string { return n.Labels[label] }
	return column{Key: key, Name: label, Cell: textCellOf(value), CSV: key, Value: value}
}

// gpusText returns the allocatable GPUs, such as "nvidia.com/gpu=8".
func gpusText(n *node.Node) string {
	texts := make([]string, 0, len(n.GPUs))
	for _, name := range slices.Sorted(maps.Keys(n.GPUs)) {
		texts = append(texts, name+"="+strconv.FormatInt(n.GPUs[name], 10))
	}
	return strings.Join(texts, " ")
}

// columnName returns the name of a column for people.
func columnName(ctx context.Context, c column) string {
	if c.Name != "" {
		return c.Name
	}
	return ui.T(ctx, c.Title)
}

// versionWord says in what way Kubernetes does not support the kubelet of a node, or "".
func versionWord(ctx context.Context, v *ListView, n *node.Node) string {
	for _, skew := range node.Skews(v.Servers[n.Cluster], []node.Share{{Value: n.Version}}) {
		switch {
		case skew.Supported:
		case skew.Behind < 0:
			return ui.T(ctx, "version_newer")
		default:
			return ui.T(ctx, "version_behind", "N", skew.Behind)
		}
	}
	return ""
}

// textCellOf returns a function for Column.Cell of a column of texts.
func textCellOf(value func(n *node.Node) string) func(n *node.Node) templ.Component {
	return func(n *node.Node) templ.Component { return textCell(value(n)) }
}
