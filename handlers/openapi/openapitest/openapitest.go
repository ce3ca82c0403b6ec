// Package openapitest checks responses against an OpenAPI document. It is for tests only.
package openapitest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Document is a document of OpenAPI 3.1.
type Document struct {
	doc   *openapi3.T
	error *openapi3.Schema // of errors
}

// Parse reads a document and checks that it is a valid one. From then on, an object has no
// other fields than those that the document names.
func Parse(raw []byte) (*Document, error) {
	if _, err := load(raw); err != nil {
		return nil, err
	}
	strict, err := strictly(raw)
	if err != nil {
		return nil, err
	}
	doc, err := load(strict)
	if err != nil {
		return nil, err
	}
	return &Document{doc: doc, error: doc.Components.Schemas["Error"].Value}, nil
}

func load(raw []byte) (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, fmt.Errorf("load the document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("check the document: %w", err)
	}
	return doc, nil
}

// strictly returns a document whose objects have no other fields than the named ones.
func strictly(raw []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for _, schema := range schemas {
		schema.(map[string]any)["additionalProperties"] = false
	}
	return json.Marshal(doc)
}

// Routes returns all routes, such as "GET /clusters/{cluster}".
func (d *Document) Routes() map[string]bool {
	routes := map[string]bool{}
	for path, item := range d.doc.Paths.Map() {
		for method := range item.Operations() {
			routes[method+" "+path] = true
		}
	}
	return routes
}

// Check returns an error if a JSON response is not as documented. path is the escaped path
// of the request.
func (d *Document) Check(method, path string, status int, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	schema, err := d.schema(method, path, status)
	if err != nil {
		return err
	}
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s %s, %d: %w", method, path, status, err)
	}
	return nil
}

// schema returns the schema of a response. Routes that are not in the document answer JSON
// only for errors.
func (d *Document) schema(method, path string, status int) (*openapi3.Schema, error) {
	operation := d.find(method, path)
	if operation == nil && status >= http.StatusBadRequest {
		return d.error, nil
	}
	if operation == nil {
		return nil, fmt.Errorf("%s %s is not in the document", method, path)
	}
	response := operation.Responses.Value(strconv.Itoa(status))
	if response == nil && status >= http.StatusBadRequest {
		response = operation.Responses.Default()
	}
	if response == nil {
		return nil, fmt.Errorf("%s %s does not answer %d", method, path, status)
	}
	media := response.Value.Content["application/json"]
	if media == nil {
		return nil, errors.New("it does not answer JSON")
	}
	return media.Schema.Value, nil
}

// find returns the operation of a request. Of two paths that match, the one with fewer
// parameters is meant.
func (d *Document) find(method, path string) *openapi3.Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *openapi3.Operation
	best := -1
	for pattern, item := range d.doc.Paths.Map() {
		literal, ok := matches(pattern, path)
		if ok && literal > best && item.Operations()[method] != nil {
			best, found = literal, item.Operations()[method]
		}
	}
	return found
}

// matches reports whether a path matches a pattern, and how many of its parts do so
// literally.
func matches(pattern, path string) (literal int, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return 0, false
	}
	for i := range want {
		switch {
		case want[i] == got[i]:
			literal++
		case !strings.HasPrefix(want[i], "{") || got[i] == "":
			return 0, false
		}
	}
	return literal, true
}
