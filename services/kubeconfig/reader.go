package kubeconfig

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"kube-node-manager/services"
	"kube-node-manager/services/yamltree"
)

// refusals returns the fields that are refused with a message of their own, spelled
// as normal returns them. Every other unknown field is refused as well.
func refusals() map[string]string {
	return map[string]string{
		"exec":                 "error_kubeconfig_exec",
		"authprovider":         "error_kubeconfig_auth_provider",
		"tokenfile":            "error_kubeconfig_token_file",
		"certificateauthority": "error_kubeconfig_ca_file",
		"clientcertificate":    "error_kubeconfig_certificate_file",
		"clientkey":            "error_kubeconfig_key_file",
		"username":             "error_kubeconfig_password",
		"password":             "error_kubeconfig_password",
		"proxyurl":             "error_kubeconfig_proxy",
		"actas":                "error_kubeconfig_act_as",
		"actasuid":             "error_kubeconfig_act_as",
		"actasgroups":          "error_kubeconfig_act_as",
		"actasuserextra":       "error_kubeconfig_act_as",
	}
}

// normal returns a name without regard to case and separators: a field that a
// parser takes for a forbidden one is refused as that one.
func normal(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// reader walks through a tree and collects what is wrong with it.
type reader struct {
	terms Terms
	wrong services.FieldErrors
}

// handlers say what to do with the fields of a mapping; nil ignores a field.
type handlers map[string]func(path string, n *yaml.Node)

// mapping calls the handler of each field, and refuses the fields without one.
func (r *reader) mapping(path string, n *yaml.Node, known handlers) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.wrong.Add(nonEmpty(path), "error_kubeconfig_type", "Path", nonEmpty(path), "Want", "mapping")
		return
	}
	for key, value := range yamltree.Pairs(n) {
		at := join(path, services.Clip(key.Value))
		handle, allowed := known[key.Value]
		switch {
		case !allowed:
			r.refuse(at, key.Value)
		case handle != nil:
			handle(at, value)
		}
	}
}

func (r *reader) refuse(path, name string) {
	text := refusals()[normal(name)]
	if text == "" {
		text = "error_kubeconfig_field"
	}
	r.wrong.Add(path, text, "Path", path)
}

func nonEmpty(path string) string {
	if path == "" {
		return Field
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// text returns a handler that stores a string.
func (r *reader) text(into *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			r.wrong.Add(path, "error_kubeconfig_type", "Path", path, "Want", "string")
			return
		}
		*into = n.Value
	}
}

// flag returns a handler that stores a boolean. It knows the two words of YAML 1.2
// only; parsers do not agree about yes and on.
func (r *reader) flag(into *bool) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
			r.wrong.Add(path, "error_kubeconfig_type", "Path", path, "Want", "true, false")
			return
		}
		*into = n.Value == "true"
	}
}

// each returns a handler that calls item for every item of a list.
func (r *reader) each(item func(path string, n *yaml.Node)) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.SequenceNode {
			r.wrong.Add(path, "error_kubeconfig_type", "Path", path, "Want", "list")
			return
		}
		for i, one := range n.Content {
			item(fmt.Sprintf("%s[%d]", path, i), one)
		}
	}
}

// file reads the top level. Preferences and extensions concern other tools.
func (r *reader) file(root *yaml.Node) *File {
	f := &File{clusters: map[string]part{}, users: map[string]part{}}
	var version, kind string
	r.mapping("", root, handlers{
		"apiVersion": r.text(&version), "kind": r.text(&kind), "preferences": nil, "extensions": nil,
		"current-context": r.text(&f.Current),
		"clusters":        r.each(r.named("cluster", f.clusters)),
		"users":           r.each(r.named("user", f.users)),
		"contexts":        r.each(func(path string, n *yaml.Node) { r.context(path, n, f) }),
	})
	if version != "v1" && len(r.wrong) == 0 {
		r.wrong.Add("apiVersion", "error_kubeconfig_kind", "Path", "apiVersion", "Want", "v1")
	}
	if kind != "Config" && len(r.wrong) == 0 {
		r.wrong.Add("kind", "error_kubeconfig_kind", "Path", "kind", "Want", "Config")
	}
	return f
}

// named reads an item of the lists of clusters and users.
func (r *reader) named(kind string, into map[string]part) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		var name string
		var content part
		r.mapping(path, n, handlers{
			"name": r.text(&name),
			kind:   func(at string, n *yaml.Node) { content = part{at, n} },
		})
		if _, twice := into[name]; twice {
			r.wrong.Add(path+".name", "error_kubeconfig_twice", "Path", path+".name", "Name", services.Clip(name))
		}
		into[name] = content
	}
}

func (r *reader) context(path string, n *yaml.Node, f *File) {
	c := Context{path: path}
	r.mapping(path, n, handlers{
		"name": r.text(&c.Name),
		"context": func(at string, n *yaml.Node) {
			r.mapping(at, n, handlers{
				"cluster": r.text(&c.Cluster), "user": r.text(&c.User), "namespace": nil, "extensions": nil,
			})
		},
	})
	at := path + ".name"
	switch {
	case r.wrong.Has(at):
	case !plain(c.Name):
		r.wrong.Add(at, "error_kubeconfig_name", "Path", at)
	case contains(f.Contexts, c.Name):
		r.wrong.Add(at, "error_kubeconfig_twice", "Path", at, "Name", services.Clip(c.Name))
	}
	f.Contexts = append(f.Contexts, c)
}

func contains(contexts []Context, name string) bool {
	for _, c := range contexts {
		if c.Name == name {
			return true
		}
	}
	return false
}

// maxName is the length of a name in characters.
const maxName = 253

// plain reports whether a name is not empty, not too long, and has no characters
// that cannot be seen.
func plain(name string) bool {
	if name == "" || len([]rune(name)) > maxName || strings.TrimSpace(name) != name {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return !graphic(c) })
}
