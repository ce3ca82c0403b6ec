package openapi

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// Schemas makes schemas of Go types, as package encoding/json encodes them. A struct
// becomes a component, to which other schemas refer.
type Schemas struct {
	components map[string]*Schema
	names      map[reflect.Type]string
	enums      map[reflect.Type][]string
}

// NewSchemas returns an empty set of schemas.
func NewSchemas() *Schemas {
	return &Schemas{
		components: map[string]*Schema{}, names: map[reflect.Type]string{}, enums: map[reflect.Type][]string{},
	}
}

// Enum declares all values of a type of text.
func Enum[T ~string](s *Schemas, values ...T) {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	s.enums[reflect.TypeFor[T]()] = texts
}

// Components returns the schemas of all structs by name.
func (s *Schemas) Components() map[string]*Schema { return s.components }

// Of returns the schema of a value's type.
func (s *Schemas) Of(value any) *Schema { return s.of(reflect.TypeOf(value)) }

func (s *Schemas) of(t reflect.Type) *Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Schema{Type: Types{"string"}, Format: "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return &Schema{} // anything
	}
	switch t.Kind() {
	case reflect.Pointer:
		return orNull(s.of(t.Elem()))
	case reflect.Struct:
		return &Schema{Ref: componentPath + s.component(t)}
	case reflect.Slice:
		return &Schema{Type: Types{"array"}, Items: s.of(t.Elem())}
	case reflect.Map:
		return &Schema{Type: Types{"object"}, Additional: s.of(t.Elem())}
	case reflect.Interface:
		return &Schema{}
	default:
		return &Schema{Type: Types{scalar(t.Kind())}, Enum: s.enums[t]}
	}
}

// scalar returns the type of a kind of single values.
func scalar(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	default:
		panic("openapi: JSON has no " + k.String()) // a mistake in the code, found by every test
	}
}

// orNull returns a schema that also allows null.
func orNull(s *Schema) *Schema {
	if s.Ref != "" {
		return &Schema{AnyOf: []*Schema{s, {Type: Types{"null"}}}}
	}
	if len(s.Type) > 0 {
		s.Type = append(s.Type, "null")
	}
	return s
}

// component returns the name of a struct's schema, and adds it if it is new.
func (s *Schemas) component(t reflect.Type) string {
	if name, ok := s.names[t]; ok {
		return name
	}
	name := s.newName(t)
	object := &Schema{Type: Types{"object"}, Properties: map[string]*Schema{}}
	s.names[t], s.components[name] = name, object // before its fields, which may refer to it
	s.addFields(object, t)
	return name
}

// addFields adds the fields of a struct, and then those of embedded structs, of which the
// ones with a name that is taken are not encoded.
func (s *Schemas) addFields(object *Schema, t reflect.Type) {
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Tag.Get("json") == "" {
			embedded = append(embedded, f.Type)
			continue
		}
		s.addField(object, f)
	}
	for _, inner := range embedded {
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		s.addFields(object, inner)
	}
}

func (s *Schemas) addField(object *Schema, f reflect.StructField) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		name = f.Name
	}
	if name == "-" || !f.IsExported() || object.Properties[name] != nil {
		return
	}
	field := s.of(f.Type)
	if f.Tag.Get("openapi") == "nullable" {
		field = orNull(field)
	}
	object.Properties[name] = field
	if !strings.Contains(options, "omit") {
		object.Required = append(object.Required, name)
	}
}

// newName returns an unused name for a struct: that of its type, with that of its package
// if the first is taken.
func (s *Schemas) newName(t reflect.Type) string {
	if t.Name() == "" {
		return fmt.Sprintf("Object%d", len(s.components)+1)
	}
	short := title(strings.TrimSuffix(t.Name(), "JSON"))
	for _, name := range []string{short, title(path.Base(t.PkgPath())) + short} {
		if s.components[name] == nil {
			return name
		}
	}
	panic("openapi: two types are named " + short) // a mistake in the code, found by every test
}

func title(word string) string {
	letters := []rune(word)
	letters[0] = unicode.ToUpper(letters[0])
	return string(letters)
}
