package store

import (
	"strings"

	"kube-node-manager/services"
)

// conditions collects the terms of a WHERE clause, all of which must hold, and
// their arguments. Without a term every row matches.
type conditions struct {
	terms []string
	args  []any
}

// add adds a term and the values of its placeholders, if wanted is true.
func (c *conditions) add(wanted bool, term string, values ...any) {
	if wanted {
		c.terms = append(c.terms, term)
		c.args = append(c.args, values...)
	}
}

// addScope requires that the column cluster is in the scope.
func (c *conditions) addScope(s services.Scope) {
	in := "cluster IN ("
	if s.All {
		in = "cluster NOT IN ("
	}
	names := make([]any, len(s.But))
	for i, name := range s.But {
		names[i] = name
	}
	c.add(!s.All || len(names) > 0, in+marks(len(names))+")", names...)
}

// addWords requires that for each word at least one of the terms holds. Each term
// has one placeholder, for the pattern of the word.
func (c *conditions) addWords(words []string, terms ...string) {
	for _, word := range words {
		c.add(true, "("+strings.Join(terms, " OR ")+")", repeated(containing(word), len(terms))...)
	}
}

// where returns the condition to put after WHERE.
func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return "1"
	}
	return strings.Join(c.terms, " AND ")
}

// like returns a term for addWords: the column contains the word.
func like(column string) string { return column + ` LIKE ? ESCAPE '\'` }

// likeAny returns a term of like for each column.
func likeAny(columns ...string) []string {
	terms := make([]string, len(columns))
	for i, column := range columns {
		terms[i] = like(column)
	}
	return terms
}

// containing returns the pattern of LIKE for a text anywhere in a column, or "" if
// the text is empty.
func containing(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

func repeated(value any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = value
	}
	return out
}

// marks returns n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
