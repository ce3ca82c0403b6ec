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
	maxList   = 2 * batch.MaxNodes
)

// parseForm fills r.Form and r.PostForm from the query and the body. The body
// is an HTML form or a JSON object of the same names, whose values are strings,
// numbers, booleans or lists of these. Anything else, and text that is not
// UTF-8, is a CodeInvalid error; a body beyond the limit keeps its
// *http.MaxBytesError.
func parseForm(r *http.Request) error {
	if err := parseBody(r); err != nil {
		return services.Wrap(err, services.CodeInvalid, "error_form")
	}
	if len(r.Form) > maxFields {
		return services.Errorf(services.CodeInvalid, "error_form_fields", "Count", len(r.Form), "Max", maxFields)
	}
	for name, values := range r.Form {
		if !cleanText(name) {
			return services.Errorf(services.CodeInvalid, "error_form")
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
	switch kind, err := bodyKind(r); {
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

// bodyKind gives the body's media type, or "" for a request without a body.
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

// parseJSONForm reads the body's object a token at a time: one that is too large
// for a form is refused before there is memory for all of it.
func parseJSONForm(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if !utf8.Valid(body) { // the decoder would put other letters in its place
		return errors.New("decode the body: no UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // a number keeps the digits that were sent
	r.PostForm = url.Values{}
	if err := readObject(dec, r.PostForm); err != nil {
		return fmt.Errorf("decode the body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decode the body: text after the object")
	}
	return r.ParseForm() // the query, and the body's values copied into r.Form
}

func readObject(dec *json.Decoder, form url.Values) error {
	begin, err := dec.Token()
	if err != nil {
		return err
	}
	if begin != json.Delim('{') {
		return errors.New("no object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		if len(form) > maxFields {
			return fmt.Errorf("more than %d fields", maxFields)
		}
		if err := readField(dec, form, fmt.Sprint(name)); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// readField reads the value of a field, or its list of values. A field that comes
// twice is what it was last.
func readField(dec *json.Decoder, form url.Values, name string) error {
	form.Del(name)
	value, err := dec.Token()
	if err != nil {
		return err
	}
	if value != json.Delim('[') {
		return addValue(form, name, value)
	}
	for dec.More() {
		value, err := dec.Token()
		if err != nil {
			return err
		}
		if len(form[name]) > maxList {
			return fmt.Errorf("field %q: more than %d values", name, maxList)
		}
		if err := addValue(form, name, value); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// addValue appends one JSON value under name; null means absent.
func addValue(form url.Values, name string, value json.Token) error {
	switch v := value.(type) {
	case nil:
	case string:
		form.Add(name, v)
	case json.Number:
		form.Add(name, v.String())
	case bool:
		form.Add(name, strconv.FormatBool(v))
	default:
		return fmt.Errorf("field %q: neither a value nor a list of values", name)
	}
	return nil
}
