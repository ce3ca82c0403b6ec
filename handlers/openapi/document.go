// Package openapi describes an HTTP API as a document of OpenAPI 3.1. The schemas of
// bodies come from the Go types that are encoded, so a document cannot name a field that
// does not exist.
package openapi

import (
	"encoding/json"
	"strings"
)

// Version is the version of OpenAPI that documents follow.
const Version = "3.1.1"

// Document is a document.
type Document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       Info                             `json:"info"`
	Servers    []Server                         `json:"servers"`
	Security   []map[string][]string            `json:"security"`
	Tags       []Tag                            `json:"tags"`
	Paths      map[string]map[string]*Operation `json:"paths"` // by path and method in lower case
	Components Components                       `json:"components"`
}

// Info is about the API as a whole.
type Info struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version"`
}

// Server is an address of the API.
type Server struct {
	URL string `json:"url"`
}

// Tag is a group of operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Operation is one method of one path.
type Operation struct {
	ID          string                `json:"operationId"`
	Tags        []string              `json:"tags"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Parameters  []Parameter           `json:"parameters,omitempty"`
	Body        *Body                 `json:"requestBody,omitempty"`
	Responses   map[string]*Response  `json:"responses"` // by status, or "default"
	Security    []map[string][]string `json:"security,omitempty"`
}

// Parameter is a parameter in the path or in the query.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Body is the body of a request, by media type.
type Body struct {
	Required bool             `json:"required,omitempty"`
	Content  map[string]Media `json:"content"`
}

// Response is one response of an operation, by media type.
type Response struct {
	Description string            `json:"description"`
	Headers     map[string]Header `json:"headers,omitempty"`
	Content     map[string]Media  `json:"content,omitempty"`
}

// Header is a header of a response.
type Header struct {
	Description string  `json:"description,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Media is the content of a body.
type Media struct {
	Schema *Schema `json:"schema,omitempty"`
}

// Components are what other parts of the document refer to.
type Components struct {
	Schemas         map[string]*Schema        `json:"schemas"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes"`
}

// SecurityScheme is a way to authenticate.
type SecurityScheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	Description string `json:"description,omitempty"`
}

// Schema describes a value, in the terms of JSON Schema 2020-12.
type Schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        Types              `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	Description string             `json:"description,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  *Schema            `json:"additionalProperties,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	AnyOf       []*Schema          `json:"anyOf,omitempty"`
}

// Types are the types that a value may have.
type Types []string

// MarshalJSON writes a single type without a list, as most documents do.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// Words returns the type in a few words, such as "array of Node".
func (s *Schema) Words() string {
	switch {
	case s.Ref != "":
		return s.Refers()
	case len(s.AnyOf) > 0:
		words := make([]string, len(s.AnyOf))
		for i, one := range s.AnyOf {
			words[i] = one.Words()
		}
		return strings.Join(words, " or ")
	case s.Items != nil:
		return strings.Join(s.Type, " or ") + " of " + s.Items.Words()
	case s.Additional != nil:
		return strings.Join(s.Type, " or ") + " of " + s.Additional.Words()
	case len(s.Type) == 0:
		return "anything"
	default:
		return strings.TrimSpace(strings.Join(s.Type, " or ") + " " + s.Format)
	}
}

// Refers returns the name of the component that the schema is about, or "".
func (s *Schema) Refers() string {
	if s.Ref != "" {
		return strings.TrimPrefix(s.Ref, componentPath)
	}
	for _, inner := range append([]*Schema{s.Items, s.Additional}, s.AnyOf...) {
		if inner != nil && inner.Refers() != "" {
			return inner.Refers()
		}
	}
	return ""
}

// componentPath is how references to components begin.
const componentPath = "#/components/schemas/"
