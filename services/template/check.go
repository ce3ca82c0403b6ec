package template

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
)

// Limits of a template. Those of texts are in characters.
const (
	MaxEntries     = 100
	maxName        = 80
	maxDescription = 500
	maxValues      = 20
	maxClusters    = 100
	maxCluster     = 253
	maxSearch      = 200
)

// EntryField returns the name of the form field for one part of an entry: "key",
// "effect" or "values". i is the index of the entry, from 0.
func EntryField(part string, i int) string { return part + "." + strconv.Itoa(i+1) }

// tidy removes the spaces around texts and the repeated clusters, and turns the
// line ends of forms (CR LF) into LF.
func (d Draft) tidy() Draft {
	d.Name = strings.TrimSpace(d.Name)
	d.Description = strings.TrimSpace(strings.ReplaceAll(d.Description, "\r\n", "\n"))
	d.Clusters = slices.Clone(d.Clusters)
	slices.Sort(d.Clusters)
	d.Clusters = slices.Compact(d.Clusters)
	return d
}

// check returns all that is wrong with a draft. The fields are name, description,
// entries and cluster, and those of EntryField.
func (d Draft) check(kind string) services.FieldErrors {
	c := checker{kind: kind}
	switch {
	case d.Name == "" || utf8.RuneCountInString(d.Name) > maxName:
		c.wrong.Add("name", "error_template_name", "Max", maxName)
	case !plainText(d.Name, false):
		c.wrong.Add("name", "error_text")
	}
	switch {
	case utf8.RuneCountInString(d.Description) > maxDescription:
		c.wrong.Add("description", "error_template_description", "Max", maxDescription)
	case !plainText(d.Description, true):
		c.wrong.Add("description", "error_text")
	}
	c.clusters(d.Clusters)
	c.entries(d.Entries)
	return c.wrong
}

// plainText reports whether a text is valid UTF-8 without control characters and
// other invisible characters. If lines is true, it may contain line feeds.
func plainText(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsGraphic(r) && (!lines || r != '\n')
	})
}

// checker checks the parts of a draft of one kind.
type checker struct {
	kind  string
	wrong services.FieldErrors
}

// clusters accepts names of clusters that do not exist: a template may be created
// before its clusters are registered.
func (c *checker) clusters(names []string) {
	if len(names) > maxClusters {
		c.wrong.Add("cluster", "error_template_clusters_many", "Max", maxClusters)
	}
	for _, name := range names {
		if name == "" || utf8.RuneCountInString(name) > maxCluster || !plainText(name, false) {
			c.wrong.Add("cluster", "error_template_cluster_name", "Name", services.Clip(name), "Max", maxCluster)
			return
		}
	}
}

func (c *checker) entries(entries []operation.TemplateEntry) {
	switch {
	case len(entries) == 0:
		c.wrong.Add("entries", "error_template_entries_none_"+c.kind)
	case len(entries) > MaxEntries:
		c.wrong.Add("entries", "error_template_entries_many", "Count", len(entries), "Max", MaxEntries)
		return // errors of so many entries would not help
	}
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		c.entry(i, e)
		id := e.Key + ":" + e.Effect
		if seen[id] && e.Key != "" {
			c.wrong.Add(EntryField("key", i), "error_template_twice_"+c.kind,
				"Key", services.Clip(e.Key), "Effect", e.Effect)
		}
		seen[id] = true
	}
}

func (c *checker) entry(i int, e operation.TemplateEntry) {
	if e.Key == "" {
		c.wrong.Add(EntryField("key", i), "error_template_key_missing")
	} else {
		c.wrong.Append(operation.CheckKey(EntryField("key", i), e.Key+"="+FormatValues(e.Values), e.Key))
	}
	switch {
	case c.kind == operation.TaintTemplate:
		c.wrong.Append(operation.CheckEffect(EntryField("effect", i), e.Key, e.Effect))
	case e.Effect != "":
		c.wrong.Add(EntryField("effect", i), "error_template_effect")
	}
	c.values(i, e)
}

// values reports only the first wrong value, since all values have one form field.
func (c *checker) values(i int, e operation.TemplateEntry) {
	field := EntryField("values", i)
	if len(e.Values) == 0 || len(e.Values) > maxValues {
		c.wrong.Add(field, "error_template_values", "Count", len(e.Values), "Max", maxValues)
		return
	}
	for j, value := range e.Values {
		if err := operation.CheckValue(field, fmt.Sprintf("%s=%s", e.Key, value), value); err != nil {
			c.wrong.Append(err)
			return
		}
		if slices.Contains(e.Values[:j], value) {
			c.wrong.Add(field, "error_template_value_twice", "Value", cmp.Or(services.Clip(value), emptyValue))
			return
		}
	}
}
