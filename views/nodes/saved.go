package nodes

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services/saved"
	"kube-node-manager/views/ui"
)

// SavedMenuView is the menu of saved views beside a table.
type SavedMenuView struct {
	Cluster  string // of the table; "" for all
	Query    string // what a view of the table would keep
	Items    []saved.View
	MayShare bool
	Saved    string // the name of the view that was saved just now

	// What was wrong with the form, and what it had.
	Problem *ui.Problem
	Name    string
	Shared  bool
}

// SavedPageView is the page of saved views and recent searches.
type SavedPageView struct {
	Items    []saved.View
	Searches []string // the latest first
	MayShare bool
	Problem  *ui.Problem
	Wrong    int64 // the view whose form the problem is about; 0 for a new one
}

// personal returns the views that are not shared, and shared the others.
func personal(views []saved.View) []saved.View {
	return slices.DeleteFunc(slices.Clone(views), func(v saved.View) bool { return v.Shared })
}

func shared(views []saved.View) []saved.View {
	return slices.DeleteFunc(slices.Clone(views), func(v saved.View) bool { return !v.Shared })
}

// viewText returns the query of a view for people: its values, with the names of those that
// do not speak for themselves.
func viewText(ctx context.Context, query string) string {
	values, err := url.ParseQuery(query)
	if err != nil || len(values) == 0 {
		return ui.T(ctx, "view_all_nodes")
	}
	var parts []string
	add := func(name string) {
		for _, value := range values[name] {
			if name != "q" {
				value = name + "=" + value
			}
			parts = append(parts, value)
		}
		values.Del(name)
	}
	for _, name := range append(foundFields(), "cluster", "group", "sort") {
		add(name)
	}
	for _, name := range sortedNames(values) {
		add(name)
	}
	return strings.Join(parts, " · ")
}

func sortedNames(values url.Values) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// savedProblem returns what was wrong with the form of a view, in one text.
func savedProblem(p *ui.Problem) string {
	if p == nil {
		return ""
	}
	for _, name := range []string{"name", "query", "shared"} {
		text := p.Field(name)
		if text != "" {
			return text
		}
	}
	return p.Text
}
