package nodes

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// groupOptions are what the table can be grouped by: a label only if it is grouped by one,
// so that the list stays short.
func groupOptions(ctx context.Context, v *ListView) []ui.Option {
	group, options := v.Page.Query.Group, make([]ui.Option, 0, len(node.Groupings())+1)
	for _, by := range node.Groupings() {
		if by == "cluster" && v.Cluster != "" {
			continue // it has only one
		}
		options = append(options, ui.Option{Value: by, Text: ui.T(ctx, "group_option", "By", ui.T(ctx, "group_by_"+by))})
	}
	if strings.HasPrefix(group, node.GroupLabel) {
		options = append(options, ui.Option{Value: group, Text: ui.T(ctx, "group_option", "By", groupingName(ctx, group))})
	}
	return options
}

// groupingName returns what a table is grouped by.
func groupingName(ctx context.Context, group string) string {
	key, isLabel := strings.CutPrefix(group, node.GroupLabel)
	if isLabel {
		return key
	}
	return ui.T(ctx, "group_by_"+group)
}

// groupName returns the name of a group.
func groupName(ctx context.Context, q node.Query, key string) string {
	switch {
	case key == node.GroupNone:
		return ui.T(ctx, "group_none", "By", groupingName(ctx, q.Group))
	case key == node.GroupEmpty:
		return ui.T(ctx, "value_empty")
	case q.Group == "status":
		return statusGroupName(ctx, key)
	case q.Group == "role":
		return ui.Joined(strings.Split(key, "+"))
	default:
		return key
	}
}

// statusGroupName returns the word that the strip has for a state.
func statusGroupName(ctx context.Context, key string) string {
	words := map[string]string{
		node.GroupReady: "ok", node.GroupLimited: "warn", node.GroupCordoned: "hold", node.GroupNotReady: "bad",
	}
	word, ok := words[key]
	if !ok {
		return key // of an address that somebody typed
	}
	return ui.T(ctx, "strip_"+word)
}

// groupID returns the part of element ids that stands for a group.
func groupID(q node.Query, key string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(q.Group + " " + key))
	return strconv.FormatUint(h.Sum64(), 36)
}

// foldURL returns the table in which a group is folded, or is not folded any more, on the
// page where the group begins.
func foldURL(v *ListView, s node.Section) string {
	q := firstPage(v.Page.Query)
	q.Fold, q.Page = q.ToggleFold(s.Key), s.Page
	return ui.NodesURL(v.Cluster, q)
}

// foldAllURL returns the table with the given Query.Fold.
func foldAllURL(v *ListView, fold string) string {
	q := firstPage(v.Page.Query)
	q.Fold = fold
	return ui.NodesURL(v.Cluster, q)
}

// groupChoice returns how many nodes of a group can be chosen.
func groupChoice(v *ListView, g node.Group) int {
	return g.Count(func(n *node.Node) bool { return mayChange(v, n) })
}

// groupNamesURL returns the names of all nodes of a group that match and can be chosen.
func groupNamesURL(v *ListView, key string) string {
	q := v.Page.Query
	q.In = key
	return ui.ChosenNamesURL(v.Cluster, q)
}

// cellCount returns the number of cells of a row.
func cellCount(v *ListView, columns []column) int {
	cells := 0
	for _, c := range columns {
		if c.Cell != nil {
			cells++
		}
	}
	if v.MayChange {
		cells += 2 // the box and the operations
	}
	return cells
}

// groupWidth returns how many cells of a row the heading of a group takes.
func groupWidth(v *ListView, columns []column) string {
	cells := cellCount(v, columns)
	if v.MayChange {
		cells-- // the box
	}
	return strconv.Itoa(cells)
}

// groupText returns the words for the filter of one group.
func groupText(ctx context.Context, q node.Query) string {
	if q.In == "" {
		return ""
	}
	return groupingName(ctx, q.Group) + ": " + groupName(ctx, q, q.In)
}

// shownNodes returns how many nodes a page stands for: those of folded groups count.
func shownNodes(p node.Page) int {
	if p.Sections == nil {
		return len(p.Nodes)
	}
	shown := 0
	for _, s := range p.Sections {
		shown += cmp.Or(len(s.Rows), s.Nodes)
	}
	return shown
}

// anyFolded and allFolded say which of the two links that fold all groups would change
// something.
func anyFolded(p node.Page) bool {
	return slices.ContainsFunc(p.Groups, func(g node.Group) bool { return g.Folded })
}

func allFolded(p node.Page) bool {
	return !slices.ContainsFunc(p.Groups, func(g node.Group) bool { return !g.Folded })
}
