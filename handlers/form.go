package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"kube-node-manager/services"
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
	for name, values := range r.Form {
		if !cleanText(name) {
			return services.Errorf(services.CodeInvalid, "error_form")
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

func parseJSONForm(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	var object map[string]any
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber() // a number keeps the digits that were sent
	if err := dec.Decode(&object); err != nil {
		return fmt.Errorf("decode the body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decode the body: text after the object")
	}
	r.PostForm = make(url.Values, len(object))
	for name, value := range object {
		if err := addValue(r.PostForm, name, value); err != nil {
			return err
		}
	}
	return r.ParseForm() // the query, and the body's values copied into r.Form
}

// addValue appends one JSON value under name; null means absent.
func addValue(form url.Values, name string, value any) error {
	switch v := value.(type) {
	case nil:
	case string:
		form.Add(name, v)
	case json.Number:
		form.Add(name, v.String())
	case bool:
		form.Add(name, fmt.Sprint(v))
	case []any:
		for _, one := range v {
			if _, nested := one.([]any); nested {
				return fmt.Errorf("field %q: a list in a list", name)
			}
			if err := addValue(form, name, one); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("field %q: neither a value nor a list of values", name)
	}
	return nil
}
