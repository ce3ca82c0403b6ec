package admin

import (
	"context"
	"strings"

	"kube-node-manager/views/ui"
)

// APIView is the page of the HTTP API. Its texts are those of the OpenAPI document, in
// English.
type APIView struct {
	Description string
	Groups      []APIGroup
	Types       []APIType
}

// APIGroup is a group of routes.
type APIGroup struct {
	Name   string
	Routes []APIRoute
}

// APIRoute is one method of one path.
type APIRoute struct {
	ID, Method, Path, Summary string
	Parameters, Body          []APIField
	Answers                   []APIAnswer
}

// APIField is a parameter, or a field of a JSON object.
type APIField struct {
	Name, Type, Text string
	Refers           string // name of the type that Type is about, or ""
	Choices          []string
}

// APIAnswer is one answer of a route. Status is "default" for errors.
type APIAnswer struct {
	Status, Media, Type string
	Refers              string // as of APIField
}

// APIType is one kind of JSON object.
type APIType struct {
	Name   string
	Fields []APIField
}

// apiStatus returns the status of an answer in words.
func apiStatus(ctx context.Context, status string) string {
	if status == "default" {
		return ui.T(ctx, "api_error")
	}
	return status
}

// apiText is a text of which some parts are code.
func apiText(text string) []string { return strings.Split(text, "`") }
