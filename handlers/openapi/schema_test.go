package openapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/handlers/openapi"
)

type colour string

type inner struct {
	Shown  string `json:"shown"`
	Hidden string `json:"-"`
	Over   int    `json:"over"`
	Inner  int    `json:"inner"` // named like the embedded struct
}

// Inner is embedded.
type Inner inner

type sampleJSON struct {
	*Inner
	Over     string             `json:"over"`
	At       time.Time          `json:"at"`
	End      *time.Time         `json:"end"`
	Next     *sampleJSON        `json:"next,omitempty"`
	List     []inner            `json:"list"`
	Missing  []string           `json:"missing" openapi:"nullable"`
	Counts   map[string]float64 `json:"counts,omitzero"`
	Anything json.RawMessage    `json:"anything"`
	Colour   colour             `json:"colour"`
	Plain    bool
	private  int
}

func TestSchemas(t *testing.T) {
	s := openapi.NewSchemas()
	openapi.Enum[colour](s, "red", "green")
	raw, err := json.Marshal(s.Of(sampleJSON{private: 1}))
	require.NoError(t, err)
	require.JSONEq(t, `{"$ref":"#/components/schemas/Sample"}`, string(raw))
	raw, err = json.Marshal(s.Components())
	require.NoError(t, err)
	require.JSONEq(t, `{
		"Sample": {"type": "object", "properties": {
			"shown": {"type": "string"}, "inner": {"type": "integer"},
			"over": {"type": "string"},
			"at": {"type": "string", "format": "date-time"},
			"end": {"type": ["string", "null"], "format": "date-time"},
			"next": {"anyOf": [{"$ref": "#/components/schemas/Sample"}, {"type": "null"}]},
			"list": {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}},
			"missing": {"type": ["array", "null"], "items": {"type": "string"}},
			"counts": {"type": "object", "additionalProperties": {"type": "number"}},
			"anything": {},
			"colour": {"type": "string", "enum": ["red", "green"]},
			"Plain": {"type": "boolean"}
		}, "required": ["over", "at", "end", "list", "missing", "anything", "colour", "Plain", "shown", "inner"]},
		"Inner": {"type": "object", "properties": {
			"shown": {"type": "string"}, "over": {"type": "integer"}, "inner": {"type": "integer"}
		}, "required": ["shown", "over", "inner"]}
	}`, string(raw))
}

func TestSchemas_sameName(t *testing.T) {
	type Month struct{}
	s := openapi.NewSchemas()
	require.Equal(t, "#/components/schemas/Month", s.Of(Month{}).Ref)
	require.Equal(t, "#/components/schemas/Month", s.Of(Month{}).Ref)
	require.Equal(t, "#/components/schemas/JsonDecoder", func() string {
		type Decoder struct{}
		s.Of(Decoder{})
		return s.Of(json.Decoder{}).Ref
	}())
	require.Panics(t, func() { s.Of(make(chan int)) })
}

func TestSchema_words(t *testing.T) {
	s := openapi.NewSchemas()
	s.Of(sampleJSON{})
	fields := s.Components()["Sample"].Properties
	for name, want := range map[string]string{
		"end": "string or null date-time", "next": "Sample or null", "list": "array of Inner",
		"counts": "object of number", "anything": "anything", "over": "string",
	} {
		require.Equal(t, want, fields[name].Words(), name)
	}
	require.Equal(t, "Inner", fields["list"].Refers())
	require.Empty(t, fields["over"].Refers())
}
