package store

import (
	"strconv"
	"strings"

	"kube-node-manager/services"
)

// conditions collects the terms of a WHERE clause, all of which must hold, and
// their arguments. Without a term every row matches.
type conditions struct {
	engine engine
	terms  []string
	args   []any
}

// add adds a term and the values of its placeholders, if wanted is true. A placeholder is
// a question mark.
func (c *conditions) add(wanted bool, term string, values ...any) {
	if !wanted {
		return
	}
	for _, value := range values {
		term = strings.Replace(term, "?", c.arg(value), 1)
	}
	c.terms = append(c.terms, term)
}

// arg adds an argument and returns its placeholder.
func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return placeholder(len(c.args))
}

// addScope requires that the column cluster is in the scope.
func (c *conditions) addScope(s services.Scope) {
	if !s.All && len(s.But) == 0 {
		c.add(true, "FALSE")
		return
	}
	in := "cluster IN ("
	if s.All {
		in = "cluster NOT IN ("
	}
	names := make([]any, len(s.But))
	for i, name := range s.But {
		names[i] = name
	}
	c.add(len(names) > 0, in+questions(len(names))+")", names...)
}

// addWords requires that each word occurs in at least one of the columns, or that a term
// holds for it: a condition of like.
func (c *conditions) addWords(words []string, columns []string, terms ...string) {
	for _, column := range columns {
		terms = append(terms, c.like(column))
	}
	for _, word := range words {
		c.add(true, "("+strings.Join(terms, " OR ")+")", repeated(containing(word), len(terms))...)
	}
}

// where returns the condition to put after WHERE.
func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return "TRUE"
	}
	return strings.Join(c.terms, " AND ")
}

// like returns a term for addWords: the column contains the word, in any case.
func (c *conditions) like(column string) string {
	return column + " " + c.engine.like + ` ? ESCAPE '\'`
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

// questions returns n question marks, for the method add.
func questions(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// marks returns the first n placeholders of a query.
func marks(n int) string { return marksFrom(1, n) }

// marksFrom returns n placeholders of a query, from that of one of its arguments on.
func marksFrom(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = placeholder(first + i)
	}
	return strings.Join(all, ", ")
}

// placeholder returns the placeholder of the nth argument of a query, from 1.
func placeholder(n int) string { return "$" + strconv.Itoa(n) }
