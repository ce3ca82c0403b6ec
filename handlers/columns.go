package handlers

import (
	"net/http"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// The cookies of how somebody reads the table of nodes.
const (
	ColumnsCookie = "columns" // keys with commas between
	DensityCookie = "density" // Compact, or none
)

// Compact is the density with low rows.
const Compact = "compact"

// chosenColumns returns the columns that the address names, else those that the reader has
// chosen, else none. A cookie that a later version no longer understands is ignored.
func chosenColumns(r *http.Request, q node.Query) []string {
	text := q.Cols
	if text == "" {
		cookie, err := r.Cookie(ColumnsCookie)
		if err == nil {
			text = cookie.Value
		}
	}
	keys, wrong := node.Columns(text)
	if len(wrong) > 0 {
		return nil
	}
	return keys
}

// csvColumns returns the columns that an address names. Without any, a CSV has all of the
// usual table and more, whatever the reader of the table has chosen.
func csvColumns(q node.Query) []string {
	keys, _ := node.Columns(q.Cols)
	return keys
}

// Columns answers the form of the columns: for the dialog of the table, or as a page; and
// the buttons in it.
func (h *Handlers) Columns(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return h.submitColumns(w, r)
	}
	return h.formOfColumns(w, r)
}

func (h *Handlers) formOfColumns(w http.ResponseWriter, r *http.Request) error {
	keys, wrong := node.Columns(r.URL.Query().Get("cols"))
	if err := wrong.Err(); err != nil {
		return err
	}
	f := nodes.NewColumnsForm(keys)
	f.Back, f.Density = LocalPath(r.URL.Query().Get("back")), densityOf(r)
	return h.showColumns(w, r, http.StatusOK, f)
}

func densityOf(r *http.Request) string {
	cookie, err := r.Cookie(DensityCookie)
	if err != nil || cookie.Value != Compact {
		return ""
	}
	return Compact
}

func (h *Handlers) showColumns(w http.ResponseWriter, r *http.Request, status int, f nodes.ColumnsForm) error {
	if isHTMX(r) {
		return render(w, r, http.StatusOK, nodes.ColumnsFields(f)) // also with a mistake, which it shows
	}
	title := ui.T(r.Context(), "columns_title")
	return render(w, r, status, nodes.ColumnsPage(h.frame(r, "nodes", title, ""), f))
}

// submitColumns answers the buttons of the form: to move a column, to add one for a label,
// to save the choice in the browser, or to go back to the usual columns.
func (h *Handlers) submitColumns(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	f, err := columnsForm(r)
	if err != nil {
		return err
	}
	do, key, _ := strings.Cut(r.PostForm.Get("do"), " ")
	switch do {
	case "up":
		f.Move(key, -1)
	case "down":
		f.Move(key, +1)
	case "add":
		return h.addColumn(w, r, f)
	case "reset":
		h.Cookies.keep(w, ColumnsCookie, "", preferencesLast)
		return redirect(w, r, f.Back)
	default:
		h.Cookies.keep(w, ColumnsCookie, strings.Join(f.Chosen(), ","), preferencesLast)
		h.Cookies.keep(w, DensityCookie, f.Density, preferencesLast)
		return redirect(w, r, f.Back)
	}
	return h.showColumns(w, r, http.StatusOK, f)
}

// columnsForm reads the form.
func columnsForm(r *http.Request) (nodes.ColumnsForm, error) {
	form := r.PostForm
	order, wrong := node.Columns(strings.Join(form["order"], ","))
	if err := wrong.Err(); err != nil {
		return nodes.ColumnsForm{}, err
	}
	density := form.Get("density")
	if density != "" && density != Compact {
		return nodes.ColumnsForm{}, services.Invalid("density", "error_choice", "Value", density, "Choices", Compact)
	}
	f := nodes.ColumnsForm{Order: order, Shown: map[string]bool{}, Density: density, Back: LocalPath(form.Get("back"))}
	for _, key := range form["show"] {
		f.Shown[key] = true
	}
	return f, nil
}

// addColumn adds the label that somebody has typed, as the first column.
func (h *Handlers) addColumn(w http.ResponseWriter, r *http.Request, f nodes.ColumnsForm) error {
	key := node.GroupLabel + strings.TrimSpace(r.PostForm.Get("key"))
	_, wrong := node.Columns(strings.Join(append(slices.Clone(f.Order), key), ","))
	if err := wrong.Err(); err != nil {
		f.Problem = ui.NewProblem(r.Context(), err)
		return h.showColumns(w, r, http.StatusUnprocessableEntity, f)
	}
	if !slices.Contains(f.Order, key) {
		f.Order = append([]string{key}, f.Order...)
	}
	f.Shown[key] = true
	return h.showColumns(w, r, http.StatusOK, f)
}
