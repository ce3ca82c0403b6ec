package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
)

// The bounds of a form. The largest that a page has is the one that edits labels:
// two fields for each key that the nodes have.
const (
	maxFields = 5000
	maxValues = 2000 // of one field
)

// parseForm fills r.Form and r.PostForm from the query and the body. The body
// is an HTML form or a JSON object of the same names, whose values are strings,
// numbers, booleans or lists of these. Anything else, and text that is not
// UTF-8, is a CodeInvalid error; a body beyond the limit keeps its
// *http.MaxBytesError. A second call does nothing.
func parseForm(r *http.Request) error {
	if r.PostForm != nil {
		return nil
	}
	if err := parseBody(r); err != nil {
		return services.Wrap(err, services.CodeInvalid, "error_form")
	}
	if len(r.Form) > maxFields {
		return services.NewError(services.CodeInvalid, "error_form_fields", "Count", len(r.Form), "Max", maxFields)
	}
	for name, values := range r.Form {
		if !cleanText(name) {
			return services.NewError(services.CodeInvalid, "error_form")
		}
		if len(values) > maxValues && name != "node" { // of nodes there may be more; the engine counts them
			return services.Invalid(name, "error_form_values", "Count", len(values), "Max", maxValues)
		}
		for _, value := range values {
			if !cleanText(value) {
				return services.Invalid(name, "error_text")
			}
		}
	}
	return nil
}

// cleanText refuses what no browser sends and no store should keep.
func cleanText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func parseBody(r *http.Request) error {
	kind, err := bodyKind(r)
	switch {
	case err != nil:
		return err
	case kind == "", kind == "application/x-www-form-urlencoded":
		return r.ParseForm()
	case kind == "multipart/form-data":
		// The edge limits the body to 1 MiB, so nothing spills to the disk.
		return r.ParseMultipartForm(2 << 20)
	case kind == "application/json":
		return parseJSONForm(r)
	default:
		return fmt.Errorf("content type %q is neither a form nor JSON", kind)
	}
}

// bodyKind returns the body's media type, or "" for a request without a body.
func bodyKind(r *http.Request) (string, error) {
	header := r.Header.Get("Content-Type")
	if header == "" && r.ContentLength == 0 {
		return "", nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "", fmt.Errorf("content type %q: %w", header, err)
	}
	return kind, nil
}

func parseJSONForm(r *http.Request) error {
	body, err := io.ReadAll(r.Body) // the edge has limited it
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if !utf8.Valid(body) { // the decoder would put other letters in its place
		return errors.New("decode the body: it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // a number keeps the digits that were sent
	form := jsonForm{dec: dec, values: url.Values{}}
	if err := form.object(); err != nil {
		return fmt.Errorf("decode the body: %w", err)
	}
	r.PostForm = form.values
	return r.ParseForm() // the query, and the body's values copied into r.Form
}

// maxJSONValues is how many values a JSON body may have: more than the nodes of the
// largest batch. net/url has a bound of its own for forms.
const maxJSONValues = 2 * batch.MaxNodes

// jsonForm reads a JSON object token by token, so that a body that asks for more
// than a form can hold is refused before it has become a tree in memory.
type jsonForm struct {
	dec    *json.Decoder
	values url.Values
	count  int
}

func (f *jsonForm) object() error {
	begin, err := f.dec.Token()
	if err != nil {
		return err
	}
	if begin != json.Delim('{') {
		return errors.New("the body is not an object")
	}
	for f.dec.More() {
		token, err := f.dec.Token()
		if err != nil {
			return err
		}
		name := token.(string) // a key of an object is one
		f.values.Del(name)     // of a field that comes twice the last counts
		if err := f.field(name); err != nil {
			return err
		}
	}
	if _, err := f.dec.Token(); err != nil { // the end of the object
		return err
	}
	if _, err := f.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the object")
	}
	return nil
}

// field reads a value, or a list of values.
func (f *jsonForm) field(name string) error {
	token, err := f.dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('[') {
		return f.add(name, token)
	}
	for f.dec.More() {
		one, err := f.dec.Token()
		if err != nil {
			return err
		}
		if err := f.add(name, one); err != nil {
			return err
		}
	}
	_, err = f.dec.Token() // the end of the list
	return err
}

// add appends one value under name; null means absent.
func (f *jsonForm) add(name string, token json.Token) error {
	f.count++
	if f.count > maxJSONValues {
		return fmt.Errorf("more than %d values", maxJSONValues)
	}
	switch v := token.(type) {
	case nil:
	case string:
		f.values.Add(name, v)
	case json.Number:
		f.values.Add(name, v.String())
	case bool:
		f.values.Add(name, strconv.FormatBool(v))
	default:
		return fmt.Errorf("field %q: neither a value nor a list of values", name)
	}
	return nil
}
