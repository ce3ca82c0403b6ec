package template

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"kube-node-manager/services"
)

// Bounds of a YAML document that is read. A document of the most templates, with
// three entries each, has some 15,000 nodes; none is deeper than seven levels.
const (
	maxYAMLNodes  = 20_000
	maxYAMLDepth  = 16
	maxYAMLScalar = 8 << 10 // bytes; the longest text of a template is a description
)

// yamlSeparators are the characters of which a document has at least one for
// each of its nodes, or two nodes.
const yamlSeparators = "\n,:[{-?"

// checkTree refuses a document that would cost more memory than it has bytes: one
// with anchors and aliases, each of which may stand for a whole tree, and one
// with more or deeper nodes than templates need. Decoding comes after it.
//
// Errors: CodeInvalid names the field "document".
func checkTree(text string) error {
	separators := strings.Count(text, "\n")
	for _, c := range yamlSeparators[1:] {
		separators += strings.Count(text, string(c))
	}
	if separators > 4*maxYAMLNodes {
		return services.Invalid("document", "error_template_yaml_big", "Max", maxYAMLNodes)
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return explainSyntax(err)
	}
	nodes := 0
	return checkNode(&root, 0, &nodes)
}

// checkNode checks a node and those below it; nodes counts them.
func checkNode(n *yaml.Node, depth int, nodes *int) error {
	*nodes++
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return services.Invalid("document", "error_template_yaml_alias", "Line", n.Line)
	case depth > maxYAMLDepth:
		return services.Invalid("document", "error_template_yaml_deep", "Line", n.Line, "Max", maxYAMLDepth)
	case *nodes > maxYAMLNodes:
		return services.Invalid("document", "error_template_yaml_big", "Max", maxYAMLNodes)
	case len(n.Value) > maxYAMLScalar:
		return services.Invalid("document", "error_template_yaml_scalar", "Line", n.Line, "Max", maxYAMLScalar)
	}
	for _, child := range n.Content {
		if err := checkNode(child, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// explainSyntax names the line where a text is not YAML.
func explainSyntax(err error) error {
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		return services.Invalid("document", "error_template_yaml_line", "Line", found[1])
	}
	return services.Invalid("document", "error_template_yaml")
}
