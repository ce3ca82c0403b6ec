package nodes

import (
	"net/url"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// ColumnsForm is the form in which somebody chooses the columns of the table.
type ColumnsForm struct {
	Order   []string // keys of all columns that are offered
	Shown   map[string]bool
	Density string // "compact" or ""
	Back    string // the table
	Problem *ui.Problem
}

// NewColumnsForm returns the form for a table with the given columns; none are the usual
// ones. The other columns follow them.
func NewColumnsForm(chosen []string) ColumnsForm {
	if len(chosen) == 0 {
		chosen = node.DefaultColumns()
	}
	f := ColumnsForm{Order: chosen, Shown: map[string]bool{}}
	for _, key := range chosen {
		f.Shown[key] = true
	}
	for _, key := range node.ColumnKeys() {
		if !f.Shown[key] {
			f.Order = append(f.Order, key)
		}
	}
	return f
}

// Move moves a column by one place, up or down.
func (f ColumnsForm) Move(key string, by int) {
	for i, k := range f.Order {
		to := i + by
		if k == key && to >= 0 && to < len(f.Order) {
			f.Order[i], f.Order[to] = f.Order[to], key
			return
		}
	}
}

// Chosen returns the columns that are shown, in their order.
func (f ColumnsForm) Chosen() (keys []string) {
	for _, key := range f.Order {
		if f.Shown[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// offered returns the columns of the form.
func (f ColumnsForm) offered() []column {
	return Columns(&ListView{Cluster: "-", Columns: f.Order})[1:]
}

// columnsURL returns the form for a table. It leads back to it.
func columnsURL(v *ListView) string {
	q := v.Page.Query
	q.Cols = ""
	values := url.Values{"back": {ui.NodesURL(v.Cluster, q)}}
	if len(v.Columns) > 0 {
		values.Set("cols", strings.Join(v.Columns, ","))
	}
	return ui.WithQuery(ui.ColumnsURL, values)
}

// csvURL returns the CSV with the chosen columns of the table.
func csvURL(v *ListView) string {
	q := v.Page.Query
	q.Cols = strings.Join(v.Columns, ",")
	return ui.NodesCSVURL(v.Cluster, q)
}

// columnID returns the part of element ids that stands for a column. Keys of labels have
// signs that are special in selectors.
func columnID(key string) string {
	if !strings.HasPrefix(key, node.GroupLabel) {
		return key
	}
	return groupID(node.Query{}, key)
}
