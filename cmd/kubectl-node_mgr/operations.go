package main

import (
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// An operation is a command that starts a batch.
type operation struct {
	name, help string
	example    string
	value      string // the field of what is changed; arguments with a sign are values of it
	fields     []field
}

func operations() []operation {
	return []operation{
		{name: "cordon", help: "Mark nodes as unschedulable", example: "node-1 node-2 --reason 'kernel 6.12'"},
		{name: "uncordon", help: "Mark nodes as schedulable", example: "-l pool=compute --yes"},
		{
			name: "drain", help: "Cordon nodes and evict their pods, within the disruption budgets",
			example: "-l pool=compute --parallel 3 --delete-emptydir", fields: drainFields(),
		},
		{
			name: "label", help: "Change the labels of nodes", example: "node-1 tier=gold spot-",
			value: "label", fields: valueFields(),
		},
		{
			name: "taint", help: "Change the taints of nodes", example: "node-1 team=ml:NoSchedule old:NoExecute-",
			value: "taint", fields: valueFields(),
		},
		{
			name: "annotate", help: "Change the annotations of nodes", example: "-l pool=gpu example.com/owner=ml",
			value: "annotation", fields: valueFields(),
		},
	}
}

func (a *app) operationCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, o := range operations() {
		commands = append(commands, a.operationCommand(o))
	}
	return commands
}

func (a *app) operationCommand(o operation) *cobra.Command {
	use := o.name + " [NODE...]"
	if o.value != "" {
		use += " [KEY=VALUE...] [KEY-...]"
	}
	c := &cobra.Command{
		Use: use, Short: o.help, Example: "  kubectl node_mgr " + o.name + " " + o.example,
		ValidArgsFunction: a.completeNodes,
	}
	fields := slices.Concat(o.fields, rolloutFields())
	s, r := addSelection(c), addRequest(c)
	addFields(c, fields)
	c.RunE = func(c *cobra.Command, args []string) error {
		names, values := o.split(args)
		form, err := s.form(names)
		if err != nil {
			return err
		}
		if o.value != "" {
			form[o.value] = values
		}
		form.Set("operation", o.name)
		readFields(c.Flags(), fields, form)
		return a.carryOut(c, r, form)
	}
	return c
}

// split tells the names of nodes from values, as kubectl does.
func (o operation) split(args []string) (names, values []string) {
	for _, arg := range args {
		if o.value != "" && (strings.ContainsAny(arg, "=:") || strings.HasSuffix(arg, "-")) {
			values = append(values, arg)
		} else {
			names = append(names, arg)
		}
	}
	return names, values
}

// A selection is which nodes a command is about, besides those that it names.
type selection struct {
	selector, search string
	all              bool
	except           []string
}

func addSelection(c *cobra.Command) *selection {
	s := &selection{}
	f := c.Flags()
	f.StringVarP(&s.selector, "selector", "l", "", "nodes that match this label selector, such as pool=gpu,tier!=spot")
	f.StringVar(&s.search, "search", "", "nodes that match this search, as in the page: 'notready zone:eu cpu>80%'")
	f.BoolVar(&s.all, "all", false, "all nodes of the cluster")
	f.StringArrayVar(&s.except, "except", nil, "node to leave out; repeated")
	return s
}

// form returns the fields that say which nodes.
func (s *selection) form(names []string) (url.Values, error) {
	given := 0
	for _, is := range []bool{len(names) > 0, s.selector != "", s.search != "", s.all} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, refuse("give either names of nodes, --selector, --search or --all")
	}
	form := url.Values{}
	if len(s.except) > 0 {
		form["except"] = s.except
	}
	if len(names) > 0 {
		form["node"] = names
		return form, nil
	}
	form.Set("all", "1")
	if query := first(s.search, asSearch(s.selector)); query != "" {
		form.Set("filter.q", query)
	}
	return form, nil
}

// asSearch returns a label selector in the words of the search. That takes selectors with a
// sign as they are, and keys alone for text: they become label=KEY.
func asSearch(selector string) string {
	keys := strings.Split(selector, ",")
	if selector == "" || strings.ContainsAny(strings.ReplaceAll(selector, "!", ""), "=<>( ") ||
		strings.Contains(selector, ",") && strings.Contains(selector, "!") {
		return selector
	}
	for i, key := range keys {
		if name, not := strings.CutPrefix(key, "!"); not {
			keys[i] = "!label=" + name
		} else {
			keys[i] = "label=" + key
		}
	}
	return strings.Join(keys, " ")
}
