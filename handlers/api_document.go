package handlers

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/handlers/openapi"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/services/template"
)

const apiText = "Send `Accept: application/json` and a bearer token. Fields of a request are sent as an HTML form " +
	"or as a JSON object. Names in paths are escaped: the cluster `prod/eu` is `/clusters/prod%2Feu`. Times are in UTC. " +
	"Answers may have more fields in later versions."

// newDocument returns the JSON API as OpenAPI. server is the address of the program, such
// as "/".
func newDocument(version, server string) *openapi.Document {
	schemas := newSchemas()
	doc := &openapi.Document{
		OpenAPI:  openapi.Version,
		Info:     openapi.Info{Title: "Kube Node Manager", Description: apiText, Version: version},
		Servers:  []openapi.Server{{URL: server}},
		Security: []map[string][]string{{"token": {}}},
		Paths:    map[string]map[string]*openapi.Operation{},
	}
	for _, group := range apiGroups() {
		doc.Tags = append(doc.Tags, openapi.Tag{Name: group})
	}
	for _, route := range apiRoutes() {
		if doc.Paths[route.path] == nil {
			doc.Paths[route.path] = map[string]*openapi.Operation{}
		}
		doc.Paths[route.path][strings.ToLower(route.method)] = route.operation(schemas)
	}
	doc.Components = openapi.Components{
		Schemas: schemas.Components(),
		SecuritySchemes: map[string]openapi.SecurityScheme{
			"token": {Type: "http", Scheme: "bearer", Description: "A token of a user, with the role of its owner."},
		},
	}
	return doc
}

// newSchemas returns schemas that know the values of our types of text.
func newSchemas() *openapi.Schemas {
	s := openapi.NewSchemas()
	openapi.Enum(s, store.StateProposed, store.StateScheduled, store.StateRunning,
		store.StateSucceeded, store.StatePartial, store.StateFailed,
		store.StateCancelled, store.StateInterrupted)
	openapi.Enum(s, store.ItemPending, store.ItemRunning, store.ItemWaiting, store.ItemSucceeded, store.ItemUnchanged,
		store.ItemFailed, store.ItemSkipped, store.ItemCancelled)
	openapi.Enum(s, store.HoldDeleted, store.HoldDisabled, store.HoldDemoted, store.HoldReset, store.HoldMissed,
		store.HoldPlan, store.HoldWindow, store.HoldRestored)
	openapi.Enum(s, store.ResultOK, store.ResultPartial, store.ResultFailed, store.ResultCancelled, store.ResultRefused)
	openapi.Enum(s, store.DeliveryPending, store.DeliverySent, store.DeliveryFailed)
	openapi.Enum(s, template.Created, template.Replaced, template.Refused)
	openapi.Enum(s, drain.Evict, drain.Skip, drain.Wait, drain.WaitCompleted, drain.Restart, drain.Acknowledge,
		drain.Blocked, drain.Never, drain.Unknown)
	return s
}

func (r apiRoute) operation(s *openapi.Schemas) *openapi.Operation {
	op := &openapi.Operation{
		ID: r.name, Tags: []string{r.group}, Summary: r.summary, Responses: map[string]*openapi.Response{},
	}
	for _, name := range pathNames(r.path) {
		op.Parameters = append(op.Parameters, pathParameter(name))
	}
	for _, f := range r.query {
		op.Parameters = append(op.Parameters, openapi.Parameter{
			Name: f.name, In: "query", Description: f.text, Schema: f.schema,
		})
	}
	if len(r.form) > 0 {
		op.Body = formBody(r.form)
	}
	for _, status := range slices.Sorted(maps.Keys(r.answers)) {
		op.Responses[strconv.Itoa(status)] = jsonAnswer(http.StatusText(status), s.Of(r.answers[status]))
	}
	if r.media != "" {
		op.Responses["200"] = &openapi.Response{Description: "OK", Content: map[string]openapi.Media{r.media: {}}}
	}
	op.Responses["default"] = jsonAnswer("An error", s.Of(errorJSON{}))
	if r.public {
		op.Security = []map[string][]string{{}, {"token": {}}} // also without one
	}
	return op
}

var braces = regexp.MustCompile(`\{(\w+)\}`)

// pathNames returns the names of the parameters in a path.
func pathNames(path string) []string {
	var names []string
	for _, m := range braces.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	return names
}

func pathParameter(name string) openapi.Parameter {
	p := openapi.Parameter{
		Name: name, In: "path", Required: true, Schema: &openapi.Schema{Type: openapi.Types{"string"}},
	}
	if name == "kind" {
		p.Schema.Enum = template.Kinds()
	}
	return p
}

// formBody returns the body of a form, which may also be a JSON object.
func formBody(fields []apiField) *openapi.Body {
	object := &openapi.Schema{Type: openapi.Types{"object"}, Properties: map[string]*openapi.Schema{}}
	for _, f := range fields {
		described := *f.schema
		described.Description = f.text
		object.Properties[f.name] = &described
	}
	media := openapi.Media{Schema: object}
	return &openapi.Body{Content: map[string]openapi.Media{
		"application/json": media, "application/x-www-form-urlencoded": media,
	}}
}

func jsonAnswer(text string, schema *openapi.Schema) *openapi.Response {
	return &openapi.Response{
		Description: text, Content: map[string]openapi.Media{"application/json": {Schema: schema}},
	}
}
