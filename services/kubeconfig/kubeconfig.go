// Package kubeconfig reads a kubeconfig that somebody else wrote.
//
// A kubeconfig is a program as much as a configuration: client-go starts the
// commands that it names, reads the files that it names, and sends their contents
// to the server that it names. So nothing here goes through clientcmd. Read parses
// the text into a tree, and File.Access copies the fields of an allow list into a
// small value; every other field is refused by its name. Access.Config makes the
// configuration of a client that connects only to addresses that a Guard allows.
package kubeconfig

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"kube-node-manager/services"
	"kube-node-manager/services/yamltree"
)

// MaxBytes is the maximum length of a kubeconfig.
const MaxBytes = 1 << 20

// Field is the form field of the text. Errors that concern a part of the text name
// that part, such as users[0].user.exec.
const Field = "kubeconfig"

func limits() yamltree.Limits {
	return yamltree.Limits{Field: Field, Bytes: MaxBytes, Marks: 60_000, Depth: 16, Scalar: 512 << 10}
}

// File is a kubeconfig whose contexts are known. What they refer to is checked when
// one of them is chosen.
type File struct {
	Current  string // name of the current context; "" if there is none
	Contexts []Context
	clusters map[string]part
	users    map[string]part
}

// Context is a context of a kubeconfig.
type Context struct {
	Name    string
	Cluster string
	User    string
	path    string
}

// part is the mapping of a cluster or of a user, and its path in the document.
type part struct {
	path string
	node *yaml.Node
}

// Read parses a kubeconfig.
//
// Errors: CodeInvalid names every wrong part.
func Read(text string) (*File, error) {
	root, err := yamltree.Parse(text, limits())
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.file(root)
	if err := r.wrong.Err(); err != nil {
		return nil, err
	}
	if len(f.Contexts) == 0 {
		return nil, services.Invalid(Field, "error_kubeconfig_no_context")
	}
	return f, nil
}

// Names returns the names of the contexts.
func (f *File) Names() []string {
	names := make([]string, len(f.Contexts))
	for i, c := range f.Contexts {
		names[i] = c.Name
	}
	return names
}

// Choose returns the context of that name. For "", it returns the only context; if
// there are several, one must be named: the current context of a file is whatever
// its owner worked on last.
//
// Errors: CodeInvalid for the field "context".
func (f *File) Choose(name string) (Context, error) {
	if name == "" && len(f.Contexts) == 1 {
		return f.Contexts[0], nil
	}
	if name == "" {
		return Context{}, services.Invalid("context", "error_kubeconfig_contexts", "Count", len(f.Contexts))
	}
	at := slices.IndexFunc(f.Contexts, func(c Context) bool { return c.Name == name })
	if at < 0 {
		return Context{}, services.Invalid("context", "error_kubeconfig_context", "Name", services.Clip(name))
	}
	return f.Contexts[at], nil
}

// Terms are what an administrator allows a kubeconfig.
type Terms struct {
	Insecure bool // the certificate of the server need not be verified
	Guard    Guard
}

// Access returns how to reach the cluster of a context, as Choose returned it.
//
// Errors: CodeInvalid names every field that is wrong or not allowed.
func (f *File) Access(c Context, terms Terms) (Access, error) {
	r := &reader{terms: terms}
	var a Access
	cluster, found := f.clusters[c.Cluster]
	if !found {
		r.wrong.Add(c.path+".context.cluster", "error_kubeconfig_no_cluster", "Name", services.Clip(c.Cluster))
	}
	user, found := f.users[c.User]
	if !found {
		r.wrong.Add(c.path+".context.user", "error_kubeconfig_no_user", "Name", services.Clip(c.User))
	}
	r.cluster(cluster, &a)
	r.user(user, &a)
	if err := r.wrong.Err(); err != nil {
		return Access{}, err
	}
	return a, nil
}
