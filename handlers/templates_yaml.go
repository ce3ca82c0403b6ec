package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
	"kube-node-manager/services/template"
	"kube-node-manager/views/templates"
	"kube-node-manager/views/ui"
)

// TemplatesExport answers the templates of a kind, or the one of ?id=, as YAML.
func (h *Handlers) TemplatesExport(w http.ResponseWriter, r *http.Request) error {
	kind, id := pathParam(r, "kind"), int64(0)
	if text := r.URL.Query().Get("id"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			return services.Invalid("id", "error_number", "Value", text)
		}
		id = n
	}
	text, err := h.Templates.Export(r.Context(), kind, id)
	if err != nil {
		return err
	}
	if err := h.Audit.Export(r.Context(), store.ActionTemplateExport, "", exportName(kind, id)); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+exportName(kind, id)+`"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // a failing write means that the reader has gone
	return nil
}

func exportName(kind string, id int64) string {
	if id == 0 {
		return kind + "-templates.yaml"
	}
	return fmt.Sprintf("%s-template-%d.yaml", kind, id)
}

// TemplatesImportForm answers the page that takes YAML.
func (h *Handlers) TemplatesImportForm(w http.ResponseWriter, r *http.Request) error {
	kind, err := templateKind(r)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, templates.ImportPage(h.importFrame(r, kind), templates.Import{Kind: kind}))
}

// TemplatesImport stores the templates of a YAML document, which is pasted
// (document) or sent as a file (file): all of them, or none. replace=1 lets them
// take the place of those of the same name.
func (h *Handlers) TemplatesImport(w http.ResponseWriter, r *http.Request) error {
	kind, err := templateKind(r)
	if err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	v := templates.Import{Kind: kind, Replace: r.Form.Get("replace") == "1"}
	v.Document, err = uploadedText(r, "document")
	if err != nil {
		return err
	}
	v.Result, err = h.Templates.Import(r.Context(), kind, v.Document, v.Replace)
	if err != nil {
		return h.importAgain(r, v, err)
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newImportJSON(v.Result))
	}
	v.Document = "" // it is done
	return render(w, r, http.StatusOK, templates.ImportPage(h.importFrame(r, kind), v))
}

// uploadedText returns the file, or what was pasted into a field when there is none.
func uploadedText(r *http.Request, field string) (string, error) {
	file, _, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return r.Form.Get(field), nil
	}
	if err != nil {
		return "", services.Wrap(err, services.CodeInvalid, "error_form")
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(file) // the edge has limited it
	if err != nil {
		return "", services.Wrap(err, services.CodeInvalid, "error_form")
	}
	if len(content) == 0 { // a browser sends an empty file when none was chosen
		return r.Form.Get(field), nil
	}
	if text := string(content); cleanText(text) {
		return text, nil
	}
	return "", services.Invalid("file", "error_text")
}

func (h *Handlers) importAgain(r *http.Request, v templates.Import, err error) error {
	if services.CodeOf(err) != services.CodeInvalid {
		return err
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		v.Problem = p
		return templates.ImportPage(h.importFrame(r, v.Kind), v)
	}}
}

func (h *Handlers) importFrame(r *http.Request, kind string) ui.Frame {
	return h.templateFrame(r, ui.T(r.Context(), "template_import_title_"+kind))
}

// importJSON says what became of each template of a document.
type importJSON struct {
	Templates []importedJSON `json:"templates"`
}

type importedJSON struct {
	Name    string           `json:"name"`
	Outcome template.Outcome `json:"outcome"`
}

func newImportJSON(result []template.Imported) importJSON {
	out := importJSON{Templates: make([]importedJSON, len(result))}
	for i, one := range result {
		out.Templates[i] = importedJSON{one.Name, one.Outcome}
	}
	return out
}
