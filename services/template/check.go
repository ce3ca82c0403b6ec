package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
)

// The bounds of a template, in characters or in things.
const (
	MaxEntries     = 100
	maxName        = 80
	maxDescription = 500
	maxValues      = 20
	maxClusters    = 100
	maxCluster     = 253
	maxSearch      = 200
)

// EntryField gives the form's name of one part of an entry ("key", "effect" or
// "values"), where i counts the entries from 0.
func EntryField(part string, i int) string { return part + "." + strconv.Itoa(i+1) }

// tidy drops what a form adds to what a person typed: blanks around a text, line
// ends of the web, a cluster that is named twice.
func (d Draft) tidy() Draft {
	d.Name = strings.TrimSpace(d.Name)
	d.Description = strings.TrimSpace(strings.ReplaceAll(d.Description, "\r\n", "\n"))
	d.Clusters = slices.Clone(d.Clusters)
	slices.Sort(d.Clusters)
	d.Clusters = slices.Compact(d.Clusters)
	return d
}

// check names everything that is wrong: the fields name, description, entries
// and cluster, and those of EntryField.
func (d Draft) check(kind string) []services.FieldError {
	var wrong fieldErrors
	switch n := utf8.RuneCountInString(d.Name); {
	case n < 1 || n > maxName:
		wrong.add("name", "error_template_name", "Max", maxName)
	case !plainText(d.Name, false):
		wrong.add("name", "error_text")
	}
	switch n := utf8.RuneCountInString(d.Description); {
	case n > maxDescription:
		wrong.add("description", "error_template_description", "Max", maxDescription)
	case !plainText(d.Description, true):
		wrong.add("description", "error_text")
	}
	wrong.checkClusters(d.Clusters)
	wrong.checkEntries(kind, d.Entries)
	return wrong
}

// plainText refuses control characters, and those that nobody sees. Only a
// description may have lines.
func plainText(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsGraphic(r) && (!lines || r != '\n')
	})
}

// fieldErrors collects what is wrong.
type fieldErrors []services.FieldError

func (w *fieldErrors) add(field, text string, args ...any) {
	*w = append(*w, services.FieldError{Field: field, Text: text, Args: services.Args(args...)})
}

// take adds what an operation's validator says.
func (w *fieldErrors) take(err error) {
	if err != nil {
		*w = append(*w, services.AsError(err).Fields...)
	}
}

// checkClusters takes any name: clusters come and go, and a template may be
// there before they are.
func (w *fieldErrors) checkClusters(clusters []string) {
	if len(clusters) > maxClusters {
		w.add("cluster", "error_template_clusters_many", "Max", maxClusters)
	}
	for _, name := range clusters {
		if n := utf8.RuneCountInString(name); n < 1 || n > maxCluster || !plainText(name, false) {
			w.add("cluster", "error_template_cluster_name", "Name", clip(name), "Max", maxCluster)
			return
		}
	}
}

func (w *fieldErrors) checkEntries(kind string, entries []operation.TemplateEntry) {
	switch {
	case len(entries) == 0:
		w.add("entries", "error_template_entries_none_"+kind)
	case len(entries) > MaxEntries:
		w.add("entries", "error_template_entries_many", "Count", len(entries), "Max", MaxEntries)
		return // each of them in the answer would help nobody
	}
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		w.checkEntry(kind, i, e)
		id := e.Key + ":" + e.Effect
		if seen[id] && e.Key != "" {
			w.add(EntryField("key", i), "error_template_twice_"+kind, "Key", clip(e.Key), "Effect", e.Effect)
		}
		seen[id] = true
	}
}

func (w *fieldErrors) checkEntry(kind string, i int, e operation.TemplateEntry) {
	if e.Key == "" {
		w.add(EntryField("key", i), "error_template_key_missing")
	} else {
		w.take(operation.CheckKey(EntryField("key", i), e.Key+"="+FormatValues(e.Values), e.Key))
	}
	switch {
	case kind == operation.TaintTemplate:
		w.take(operation.CheckEffect(EntryField("effect", i), e.Key, e.Effect))
	case e.Effect != "":
		w.add(EntryField("effect", i), "error_template_effect")
	}
	w.checkValues(i, e)
}

// checkValues names one wrong value; the field is one.
func (w *fieldErrors) checkValues(i int, e operation.TemplateEntry) {
	field := EntryField("values", i)
	if n := len(e.Values); n < 1 || n > maxValues {
		w.add(field, "error_template_values", "Count", n, "Max", maxValues)
		return
	}
	for j, value := range e.Values {
		if err := operation.CheckValue(field, fmt.Sprintf("%s=%s", e.Key, value), value); err != nil {
			w.take(err)
			return
		}
		if slices.Contains(e.Values[:j], value) {
			w.add(field, "error_template_value_twice", "Value", shown(value))
			return
		}
	}
}

// shown gives a value so that it can be seen.
func shown(value string) string {
	if value == "" {
		return emptyValue
	}
	return clip(value)
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
