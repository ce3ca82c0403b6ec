package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"
)

// templateDoc is a template of the HTTP contract.
type templateDoc struct {
	ID                                            int64
	Kind, Name, Description, CreatedBy, UpdatedBy string
	Entries                                       []templateEntryDoc
	Clusters                                      []string
	CreatedAt, UpdatedAt                          time.Time
	Uses                                          int
	LastUsedAt                                    *time.Time
}

type templateEntryDoc struct {
	Key, Effect string
	Values      []string
}

type templateListDoc struct {
	Kind              string
	Total, Page, Size int
	Items             []templateDoc
}

// makeTemplate makes a template with entries as scripts write them.
func (p *program) makeTemplate(t testing.TB, kind, name string, entries ...string) templateDoc {
	t.Helper()
	var made templateDoc
	response := p.request(t, http.MethodPost, "/templates/"+kind+"/new", url.Values{"name": {name}, "entry": entries},
		&made)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Equal(t, fmt.Sprintf("/templates/%s/%d", kind, made.ID), response.Header.Get("Location"))
	return made
}

// refusal returns the fields that a response reports as wrong.
func (p *program) refusal(t testing.TB, path string, form url.Values, status int) map[string]string {
	t.Helper()
	response, raw := p.call(t, http.MethodPost, path, "application/json", formKind, strings.NewReader(form.Encode()))
	require.Equal(t, status, response.StatusCode, "%s", raw)
	var problem struct {
		Error struct {
			Code, Message string
			Fields        map[string]string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &problem))
	require.NotEmpty(t, problem.Error.Message)
	return problem.Error.Fields
}

// A script makes, reads, changes, duplicates and deletes templates.
func TestTemplates_json(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	made := p.makeTemplate(t, "labels", "GPU pool", "example.com/pool=gpu|cpu|", "tier=")
	require.Equal(t, []templateEntryDoc{
		{Key: "example.com/pool", Values: []string{"gpu", "cpu", ""}},
		{Key: "tier", Values: []string{""}},
	}, made.Entries)
	require.Equal(t, []string{adminName, adminName}, []string{made.CreatedBy, made.UpdatedBy})
	require.Nil(t, made.LastUsedAt)
	taints := p.makeTemplate(t, "taints", "GPU pool", "dedicated=gpu|cpu:NoSchedule", "dedicated:NoExecute")
	require.Equal(t, []templateEntryDoc{
		{"dedicated", "NoSchedule", []string{"gpu", "cpu"}},
		{"dedicated", "NoExecute", []string{""}},
	}, taints.Entries)

	at := fmt.Sprintf("/templates/labels/%d", made.ID)
	var got templateDoc
	p.request(t, http.MethodGet, at, nil, &got)
	require.Equal(t, made, got)
	var list templateListDoc
	p.request(t, http.MethodGet, "/templates/labels?q=CPU", nil, &list)
	require.Equal(t, templateListDoc{Kind: "labels", Total: 1, Page: 1, Size: 50, Items: []templateDoc{made}}, list)
	p.request(t, http.MethodGet, "/templates/labels?q=nothing", nil, &list)
	require.Zero(t, list.Total)

	var changed templateDoc
	p.request(t, http.MethodPost, at+"/edit", url.Values{
		"name": {"GPU pools"}, "description": {"two\nlines"}, "cluster": {c.Name, "gone"},
		"key.3": {"a"}, "values.3": {`b, ""`},
		"updatedAt": {made.UpdatedAt.Format(time.RFC3339Nano)},
	}, &changed)
	require.Equal(t, made.ID, changed.ID)
	require.Equal(t, "two\nlines", changed.Description)
	require.ElementsMatch(t, []string{c.Name, "gone"}, changed.Clusters)
	require.Equal(t, []templateEntryDoc{{Key: "a", Values: []string{"b", ""}}}, changed.Entries)
	require.True(t, changed.UpdatedAt.After(made.UpdatedAt))

	var twin templateDoc
	response := p.request(t, http.MethodPost, at+"/duplicate", url.Values{}, &twin)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Equal(t, "GPU pools (copy)", twin.Name)
	require.Equal(t, changed.Entries, twin.Entries)
	var gone templateDoc
	p.request(t, http.MethodPost, at+"/delete", url.Values{}, &gone)
	require.Equal(t, changed, gone)
	require.Equal(t, http.StatusNotFound, p.request(t, http.MethodGet, at, nil, nil).StatusCode)
}

func TestTemplates_refuses(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	old := p.makeTemplate(t, "labels", "taken", "a=b")
	limited := p.makeTemplate(t, "taints", "limited", "a=b:NoExecute")
	p.request(t, http.MethodPost, fmt.Sprintf("/templates/taints/%d/edit", limited.ID),
		url.Values{"name": {"limited"}, "cluster": {"other"}, "entry": {"a=b:NoExecute"}}, &limited)
	edit, apply := fmt.Sprintf("/templates/labels/%d/edit", old.ID), "/clusters/"+c.Name+"/templates/apply"
	for name, want := range map[string]struct {
		path   string
		form   url.Values
		status int
		fields []string
	}{
		"nothing": {"/templates/labels/new", url.Values{}, 422, []string{"name", "entries"}},
		"many things": {
			"/templates/taints/new",
			url.Values{
				"name": {"a\tb"}, "cluster": {"\n"}, "key.1": {"a b"}, "values.1": {"c,,d"},
				"effect.1": {"x"},
			},
			422,
			[]string{"name", "cluster", "key.1", "values.1", "effect.1"},
		},
		"entries": {
			"/templates/taints/new",
			url.Values{"name": {"a"}, "entry": {"a", "b=c:Sometimes", "d=e f:NoExecute"}},
			422,
			[]string{"entry.1", "entry.2", "entry.3"},
		},
		"a name in use": {
			"/templates/labels/new",
			url.Values{"name": {"TAKEN"}, "entry": {"a=b"}},
			422,
			[]string{"name"},
		},
		"no such version": {
			edit,
			url.Values{"name": {"a"}, "entry": {"a=b"}, "updatedAt": {"yesterday"}},
			422,
			[]string{"updatedAt"},
		},
		"another version": {
			edit,
			url.Values{"name": {"a"}, "entry": {"a=b"}, "updatedAt": {"2020-01-01T00:00:00Z"}},
			409, nil,
		},
		"unknown":           {"/templates/labels/999/edit", url.Values{"name": {"a"}, "entry": {"a=b"}}, 404, nil},
		"of the other kind": {fmt.Sprintf("/templates/taints/%d/delete", old.ID), url.Values{}, 404, nil},
		"no number":         {"/templates/labels/x/delete", url.Values{}, 404, nil},
		"no kind":           {"/templates/annotations/new", url.Values{"name": {"a"}}, 404, nil},
		"unknown, copied":   {"/templates/labels/999/duplicate", url.Values{}, 404, nil},
		"unknown, deleted":  {"/templates/labels/999/delete", url.Values{}, 404, nil},
		"import of nothing": {"/templates/labels/import", url.Values{}, 422, []string{"document"}},
		"import of no YAML": {"/templates/labels/import", url.Values{"document": {"a: ["}}, 422, []string{"document"}},
		"apply to no nodes": {apply, url.Values{"kind": {"labels"}, "template": {"1"}}, 422, []string{"node"}},
		"apply nothing real": {
			apply,
			url.Values{"node": names, "kind": {"labels"}, "template": {"x"}},
			422,
			[]string{"template"},
		},
		"apply unknown": {apply, url.Values{"node": names, "kind": {"labels"}, "template": {"999"}}, 404, nil},
		"apply elsewhere": {
			apply,
			url.Values{"node": names, "choose": {fmt.Sprintf("taints-%d", limited.ID)}},
			422,
			[]string{"template"},
		},
		"apply nowhere": {"/clusters/nowhere/templates/apply", url.Values{"node": names}, 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fields := p.refusal(t, want.path, want.form, want.status)
			require.Len(t, fields, len(want.fields), "%v", fields)
			for _, field := range want.fields {
				require.NotEmpty(t, fields[field], "%s in %v", field, fields)
			}
		})
	}
	long := strings.Repeat("x", 201)
	for path, status := range map[string]int{
		"/templates/labels?page=x":        422,
		"/templates/labels?q=%00":         422,
		"/templates/labels?q=" + long:     422,
		"/templates/annotations":          404,
		"/templates/labels/0":             404,
		"/templates/labels/999":           404,
		"/templates/labels/999/edit":      404,
		"/templates/labels/export?id=x":   422,
		"/templates/labels/export?id=999": 404,
		"/templates/annotations/import":   404,
	} {
		require.Equal(t, status, p.request(t, http.MethodGet, path, nil, nil).StatusCode, path)
	}
	var list templateListDoc
	p.request(t, http.MethodGet, "/templates/labels", nil, &list)
	require.Equal(t, []templateDoc{old}, list.Items, "nothing was changed")
}

// What a viewer may see, and what only others may do.
func TestTemplates_roles(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig)
	made := p.makeTemplate(t, "labels", "a", "a=b")
	for _, role := range []string{"viewer", "user"} {
		p.run(t, adminPassword+"\n", "user", "add", role, "--role", role, "--data", p.Data)
	}
	at := fmt.Sprintf("/templates/labels/%d", made.ID)
	apply := "/clusters/" + c.Name + "/templates/apply"
	for _, tt := range []struct {
		method, path string
		form         url.Values
		viewer, user int
	}{
		{"GET", "/templates/labels", nil, 200, 200},
		{"GET", at, nil, 200, 200},
		{"GET", "/templates/labels/export", nil, 200, 200},
		{"GET", at + "/edit", nil, 403, 200},
		{"GET", at + "/delete", nil, 403, 200},
		{"GET", "/templates/labels/new", nil, 403, 200},
		{"GET", "/templates/labels/import", nil, 403, 200},
		{"POST", "/templates/labels/new", url.Values{}, 403, 422},
		{"POST", "/templates/labels/import", url.Values{}, 403, 422},
		{"POST", at + "/edit", url.Values{}, 403, 422},
		{"POST", at + "/duplicate", url.Values{}, 403, 200},
		{"POST", apply, url.Values{"node": names}, 403, 200},
		{"POST", at + "/delete", url.Values{}, 403, 200},
	} {
		for role, status := range map[string]int{"viewer": tt.viewer, "user": tt.user} {
			if role == "user" && strings.HasSuffix(tt.path, "/delete") && tt.method == "POST" {
				continue // done below, after the viewer has tried
			}
			require.Equal(t, status, p.reader(t, "en", role).send(t, tt.method, tt.path, tt.form).status, "%s %s as %s",
				tt.method, tt.path, role)
		}
	}
	page := p.reader(t, "en", "viewer").send(t, "GET", "/templates/labels", nil)
	require.Zero(t, page.doc.Find(`a[href$="/new"], a[href$="/edit"], main form[method=post]`).Length(),
		"nothing is offered that would be refused")
	require.Equal(t, 200, p.reader(t, "en", "user").send(t, "POST", at+"/delete", url.Values{}).status)
	require.Equal(t, 401, p.reader(t, "en", "").send(t, "GET", at, nil, "Accept", "application/json").status)
}

const exported = `apiVersion: kube-node-manager.io/v1
kind: LabelTemplates
templates:
  - name: "a: b"
    entries:
      - key: "pool"
        values: ["true", "1.10", ""]
`

func TestTemplates_exportAndImport(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	made := p.makeTemplate(t, "labels", "a: b", "pool=true|1.10|")
	r := p.reader(t, "en", adminName)
	for _, path := range []string{"/templates/labels/export", fmt.Sprintf("/templates/labels/export?id=%d", made.ID)} {
		got := r.send(t, "GET", path, nil)
		require.Equal(t, exported, got.body)
		require.Equal(t, "application/yaml; charset=utf-8", got.header.Get("Content-Type"))
		require.Contains(t, got.header.Get("Content-Disposition"), ".yaml")
	}

	const importPath = "/templates/labels/import"
	got := r.send(t, "POST", importPath, url.Values{"document": {exported}})
	require.Equal(t, 422, got.status)
	require.Contains(t, got.doc.Find("#imported").Text(), "refused")
	require.Equal(t, exported, got.doc.Find("#f-document").Text(), "what was pasted is kept")
	got = r.send(t, "POST", importPath, url.Values{"document": {exported}, "replace": {"1"}})
	require.Equal(t, 200, got.status)
	require.Contains(t, got.doc.Find("#imported").Text(), "replaced")

	file := strings.ReplaceAll(exported, "a: b", "c")
	require.Equal(t, 200, upload(t, r, importPath, file))
	require.Equal(t, 422, upload(t, r, importPath, "\xff\xfe"))
	require.Equal(t, 422, upload(t, r, importPath, ""))
	require.Equal(t, 413, upload(t, r, importPath, strings.Repeat("# x\n", 1<<18)))
	var result struct {
		Templates []struct{ Name, Outcome string }
	}
	p.request(t, "POST", importPath, url.Values{"document": {strings.ReplaceAll(exported, "a: b", "d")}}, &result)
	require.Equal(t, "[{d created}]", fmt.Sprint(result.Templates))
	var list templateListDoc
	p.request(t, http.MethodGet, "/templates/labels", nil, &list)
	require.Len(t, list.Items, 3)
	for _, item := range list.Items {
		require.Equal(t, made.Entries, item.Entries)
	}
}

// upload sends a file as a browser does, and returns the status.
func upload(t testing.TB, r *reader, path, content string) int {
	t.Helper()
	body, kind := fileForm(t, content)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.p.URL+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Accept", "text/html")
	response, err := r.client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

// Every page of templates is sound, and keeps what was typed.
func TestTemplates_pages(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig)
	made := p.makeTemplate(t, "labels", "GPU <pool>", "example.com/pool=gpu|cpu", "tier=")
	both := p.makeTemplate(t, "taints", "Dedicated", "dedicated=gpu|:NoSchedule", "dedicated=a|b:NoExecute")
	for i := range 52 {
		p.makeTemplate(t, "taints", fmt.Sprintf("t%02d", i), "a=b:NoSchedule")
	}
	at, apply := fmt.Sprintf("/templates/labels/%d", made.ID), "/clusters/"+c.Name+"/templates/apply"
	for _, lang := range []string{"en", "zh-CN"} {
		r := p.reader(t, lang, adminName)
		page := func(method, path string, form url.Values, status int) *answer {
			t.Helper()
			got := r.send(t, method, path, form)
			require.Equal(t, status, got.status, "%s %s: %s", method, path, got.body)
			require.NotNil(t, got.doc)
			require.Empty(t, faults(got, lang), "%s %s", method, path)
			return got
		}
		page("GET", "/templates/labels", nil, 200)
		page("GET", "/templates/labels?q=nothing", nil, 200)
		require.Equal(t, 50, page("GET", "/templates/taints", nil, 200).doc.Find("#templates tbody tr").Length())
		require.Equal(t, 3, page("GET", "/templates/taints?page=2", nil, 200).doc.Find("#templates tbody tr").Length())
		show := page("GET", at, nil, 200)
		require.Equal(t, fmt.Sprintf("/clusters/%s/nodes?apply=labels-%d", c.Name, made.ID),
			show.doc.Find("#apply a").AttrOr("href", ""))
		page("GET", at+"/delete", nil, 200)
		page("GET", "/templates/labels/import", nil, 200)
		page("POST", "/templates/labels/import", url.Values{"document": {"a: ["}}, 422)
		page("GET", "/templates/taints/new", nil, 200)
		page("GET", at+"/edit", nil, 200)

		// More rows, and one less: nothing typed is lost, nothing is stored.
		typed := url.Values{
			"name": {"x"}, "description": {"y"}, "cluster": {"gone", c.Name}, "key.1": {"a"},
			"values.1": {"b,,c"}, "key.2": {"d"}, "values.2": {"e"},
		}
		more := page("POST", "/templates/labels/new", with(typed, "more", "1"), 200)
		require.Equal(t, 7, more.doc.Find("#rows input[name^=key]").Length())
		require.Equal(t, "b,,c", more.doc.Find("#f-values-1").AttrOr("value", ""))
		require.Equal(t, 2, more.doc.Find("input[name=cluster][checked]").Length())
		less := page("POST", "/templates/labels/new", with(typed, "remove", "1"), 200)
		require.Equal(t, "d", less.doc.Find("#f-key-1").AttrOr("value", ""))

		// When refused, the form shows each error at its field.
		again := page("POST", "/templates/labels/new", typed, 422)
		require.Equal(t, "true", again.doc.Find("#f-values-1").AttrOr("aria-invalid", ""))
		require.Equal(t, "b,,c", again.doc.Find("#f-values-1").AttrOr("value", ""))
		require.Equal(t, "y", again.doc.Find("#f-description").Text())

		// Changed meanwhile: warned once, then saved.
		stale := url.Values{
			"name": {"GPU <pool>"}, "key.1": {"mine"}, "values.1": {"1"},
			"updatedAt": {"2020-01-01T00:00:00Z"},
		}
		conflict := page("POST", at+"/edit", stale, 409)
		require.Equal(t, "mine", conflict.doc.Find("#f-key-1").AttrOr("value", ""))
		require.Equal(t, 1, conflict.doc.Find(".note.bad a").Length())
		stale.Set("updatedAt", conflict.doc.Find("input[name=updatedAt]").AttrOr("value", ""))
		require.Contains(t, page("POST", at+"/edit", stale, 200).doc.Find("main").Text(), "mine")

		// Apply: the template may be unselected, selected, or not applicable.
		open := page("POST", apply, url.Values{"node": names}, 200)
		require.Equal(t, 54, open.doc.Find("#f-choose option[value!='']").Length())
		require.Zero(t, open.doc.Find("#apply-form [name=template]").Length())
		chosen := page("POST", apply, url.Values{
			"node": names, "choose": {fmt.Sprintf("taints-%d", both.ID)}, "mode": {"replace"}, "reason": {"why"},
			"value.dedicated:NoExecute": {"b"},
		}, 200)
		form := chosen.doc.Find("#apply-form")
		require.Equal(t, "/clusters/"+c.Name+"/batches/preview", form.AttrOr("action", ""))
		for selector, want := range map[string]string{
			"input[name=operation]":     "taint",
			"input[name=template]":      fmt.Sprint(both.ID),
			"input[name=mode][checked]": "replace",
			"input[name=reason]":        "why",
			`select[name="value.dedicated:NoSchedule"] option[selected]`: "gpu",
			`select[name="value.dedicated:NoExecute"] option[selected]`:  "b",
		} {
			require.Equal(t, want, form.Find(selector).AttrOr("value", "none"), selector)
		}
		require.Equal(t, 3, form.Find("input[name=node]").Length())
		all := page("POST", apply,
			url.Values{"all": {"1"}, "q": {names[1]}, "kind": {"labels"}, "template": {fmt.Sprint(made.ID)}}, 200)
		require.Equal(t, names[1], all.doc.Find("#apply-form input[name=node]").AttrOr("value", ""))
		page("POST", apply, url.Values{"node": names, "kind": {"labels"}, "template": {"x"}}, 422)
	}
}

// with returns a form with one more field.
func with(form url.Values, name, value string) url.Values {
	out := url.Values{name: {value}}
	for name, values := range form {
		out[name] = values
	}
	return out
}

// Without any templates two examples of each kind are offered. They lead to the
// filled-in form, store nothing by themselves, and can be saved unchanged.
func TestTemplates_examples(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	for _, kind := range []string{"labels", "taints"} {
		for _, lang := range []string{"en", "zh-CN"} {
			r := p.reader(t, lang, adminName)
			links := r.send(t, http.MethodGet, "/templates/"+kind, nil).doc.Find("#templates .examples a")
			require.Equal(t, 2, links.Length())
			for i := range 2 {
				page := r.send(t, http.MethodGet, links.Eq(i).AttrOr("href", ""), nil)
				require.Equal(t, http.StatusOK, page.status)
				form := url.Values{}
				page.doc.Find("#template-form").Find("input[name], select[name]").Each(func(_ int, s *goquery.Selection) {
					if value := s.AttrOr("value", s.Find("option[selected]").AttrOr("value", "")); s.AttrOr("type", "") != "checkbox" {
						form.Set(s.AttrOr("name", ""), value)
					}
				})
				require.NotEmpty(t, form.Get("name"))
				form.Set("name", form.Get("name")+" "+lang)
				var made templateDoc
				response := p.request(t, http.MethodPost, "/templates/"+kind+"/new", form, &made)
				require.Equal(t, http.StatusCreated, response.StatusCode)
				require.Greater(t, len(made.Entries[0].Values), 1, "it shows what candidates are for")
				p.request(t, http.MethodPost, fmt.Sprintf("/templates/%s/%d/delete", kind, made.ID), url.Values{}, nil)
			}
			require.Equal(t, http.StatusUnprocessableEntity,
				r.send(t, http.MethodGet, "/templates/"+kind+"/new?example=odd", nil).status)
		}
	}
}

// The steps in the README to make a template with candidate values and to use
// it in a script.
func TestTemplates_asInTheReadme(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig)
	made := p.makeTemplate(t, "labels", "Environment", "env=prod|staging", "managed=yes")
	require.Equal(t, []templateEntryDoc{
		{Key: "env", Values: []string{"prod", "staging"}},
		{Key: "managed", Values: []string{"yes"}},
	}, made.Entries)
	var b batchDoc
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", url.Values{
		"operation": {"label"}, "template": {fmt.Sprint(made.ID)}, "value.env": {"staging"}, "node": names,
	}, &b)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	labels := c.Node(t, names[0]).Labels
	require.Equal(t, []string{"staging", "yes"}, []string{labels["env"], labels["managed"]})
}
