package plan

import (
	"context"
	"slices"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// othersOf returns the nodes of a plan, and of its parts, on which others are at work and
// which need a consent for it.
func othersOf(v View) []string {
	names := v.Others.Nodes()
	for _, part := range v.Parts {
		names = append(names, part.Others.Nodes()...)
	}
	return names
}

// otherLine is one actor and the nodes on which it is at work.
type otherLine struct {
	Kind  string
	Text  string
	Nodes []string
}

// otherLines returns who else is at work, in the order of the kinds.
func otherLines(ctx context.Context, v View) []otherLine {
	byText := map[string]otherLine{}
	var texts []string
	for _, name := range v.Others.Nodes() {
		for _, a := range v.Others[name] {
			text := ui.ActorText(ctx, a)
			line, known := byText[text]
			if !known {
				texts = append(texts, text)
			}
			byText[text] = otherLine{Kind: a.Kind, Text: text, Nodes: append(line.Nodes, name)}
		}
	}
	lines := make([]otherLine, len(texts))
	for i, text := range texts {
		lines[i] = byText[text]
	}
	slices.SortStableFunc(lines, func(a, b otherLine) int {
		return slices.Index(node.ActorKinds(), a.Kind) - slices.Index(node.ActorKinds(), b.Kind)
	})
	return lines
}

// asksBecause reports whether a warning is why the plan asks for a consent: then it is said
// there.
func asksBecause(ctx context.Context, v View, name, warning string) bool {
	return slices.ContainsFunc(v.Others[name], func(a node.Actor) bool { return ui.ActorText(ctx, a) == warning })
}
