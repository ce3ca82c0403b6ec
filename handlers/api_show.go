package handlers

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"kube-node-manager/handlers/openapi"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// OpenAPI answers the document of the JSON API.
func (h *Handlers) OpenAPI(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, newDocument(h.Version, ui.Outside(r.Context(), ui.HomeURL)))
}

// APIDocs answers a page that shows the same.
func (h *Handlers) APIDocs(w http.ResponseWriter, r *http.Request) error {
	f := h.frame(r, "", ui.T(r.Context(), "api_title"), "")
	return render(w, r, http.StatusOK, admin.APIPage(f, newAPIView(newDocument(h.Version, ui.HomeURL))))
}

// newAPIView returns what the page shows of a document.
func newAPIView(doc *openapi.Document) admin.APIView {
	v := admin.APIView{Description: doc.Info.Description}
	for _, tag := range doc.Tags {
		v.Groups = append(v.Groups, admin.APIGroup{Name: tag.Name, Routes: apiViewRoutes(doc, tag.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		schema := doc.Components.Schemas[name]
		v.Types = append(v.Types, admin.APIType{Name: name, Fields: apiViewFields(schema)})
	}
	return v
}

// apiViewRoutes returns the routes of a group in the order of apiRoutes.
func apiViewRoutes(doc *openapi.Document, group string) []admin.APIRoute {
	var routes []admin.APIRoute
	for _, route := range apiRoutes() {
		if route.group != group {
			continue
		}
		op := doc.Paths[route.path][strings.ToLower(route.method)]
		routes = append(routes, admin.APIRoute{
			ID: op.ID, Method: route.method, Path: route.path, Summary: op.Summary, Parameters: apiViewParameters(op),
			Body: apiViewFields(bodySchema(op)), Answers: apiViewAnswers(op),
		})
	}
	return routes
}

func bodySchema(op *openapi.Operation) *openapi.Schema {
	if op.Body == nil {
		return nil
	}
	return op.Body.Content["application/json"].Schema
}

func apiViewParameters(op *openapi.Operation) []admin.APIField {
	fields := make([]admin.APIField, len(op.Parameters))
	for i, p := range op.Parameters {
		fields[i] = apiViewField(p.Name, p.Schema, p.Description)
	}
	return fields
}

func apiViewFields(s *openapi.Schema) []admin.APIField {
	if s == nil {
		return nil
	}
	fields := make([]admin.APIField, 0, len(s.Properties))
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		fields = append(fields, apiViewField(name, s.Properties[name], s.Properties[name].Description))
	}
	return fields
}

func apiViewField(name string, s *openapi.Schema, text string) admin.APIField {
	f := admin.APIField{Name: name, Type: s.Words(), Text: text, Choices: s.Enum}
	f.Refers = s.Refers()
	return f
}

func apiViewAnswers(op *openapi.Operation) []admin.APIAnswer {
	var answers []admin.APIAnswer
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		for media, content := range op.Responses[status].Content {
			a := admin.APIAnswer{Status: status, Media: media}
			if content.Schema != nil {
				a.Type, a.Refers = content.Schema.Words(), content.Schema.Refers()
			}
			answers = append(answers, a)
		}
	}
	return answers
}
