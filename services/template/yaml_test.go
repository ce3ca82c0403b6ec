package template

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
)

const labelHead = "apiVersion: kube-node-manager.io/v1\nkind: LabelTemplates\n"

func TestExport(t *testing.T) {
	s, ctx := newTest(t)
	d := taintDraft("GPU: \"all\"")
	d.Description, d.Clusters = "for <A&B>\nonly", []string{"arn:aws:eks:1:cluster/prod", "yes"}
	made, err := s.Create(ctx, "taints", d)
	require.NoError(t, err)
	const want = `apiVersion: kube-node-manager.io/v1
kind: TaintTemplates
templates:
  - name: "GPU: \"all\""
    description: "for <A&B>\nonly"
    clusters: ["arn:aws:eks:1:cluster/prod", "yes"]
    entries:
      - key: "dedicated"
        effect: NoSchedule
        values: ["gpu", "cpu"]
      - key: "dedicated"
        effect: NoExecute
        values: [""]
`
	for _, id := range []int64{made.ID, 0} {
		text, err := s.Export(ctx, "taints", id)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
	text, err := s.Export(ctx, "labels", 0)
	require.NoError(t, err)
	require.Equal(t, labelHead+"templates: []\n", string(text))
	_, err = s.Export(ctx, "labels", made.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestImport_ofAnExport(t *testing.T) {
	s, ctx := newTest(t)
	for i, value := range []string{"true", "1.10", "yes", "null", "0x1F", "2026-11-23", "", "e1", "a.b_c-d", "12_3"} {
		_, err := s.Create(ctx, "labels", Draft{
			Name:        fmt.Sprintf("%d: %s # - 'é' 名 \"\\", i, value),
			Description: "a\n\n- b: c", Clusters: []string{"on", "off"},
			Entries: []operation.TemplateEntry{label("key", value, "other"), label("true", "")},
		})
		require.NoError(t, err)
	}
	text, err := s.Export(ctx, "labels", 0)
	require.NoError(t, err)

	other, ctx := newTest(t)
	result, err := other.Import(ctx, "labels", string(text), false)
	require.NoError(t, err)
	require.Len(t, result, 10)
	again, err := other.Export(ctx, "labels", 0)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
}

// newAndOld is a document with a new template, and with one whose name is in use if
// there is a template "Old".
const newAndOld = labelHead + `
templates:
  - {name: new, entries: [{key: a, values: [b]}]}
  - {name: old, entries: [{key: c, values: [""]}]}
`

func outcomes(result []Imported) []Outcome {
	var out []Outcome
	for _, r := range result {
		out = append(out, r.Outcome)
	}
	return out
}

func TestImport_allOrNothing(t *testing.T) {
	s, ctx := newTest(t)
	old := create(t, s, ctx, "labels", "Old")
	result, err := s.Import(ctx, "labels", newAndOld, false)
	require.Equal(t, map[string]string{"templates.2": "error_template_exists"}, wrongFields(t, err))
	require.Equal(t, "error_template_import", services.AsError(err).Text)
	require.Equal(t, []Outcome{Created, Refused}, outcomes(result))
	page, err := s.List(ctx, Query{Kind: "labels"})
	require.NoError(t, err)
	require.Equal(t, []Template{old}, page.Items, "nothing was imported")

	result, err = s.Import(ctx, "labels", newAndOld+"  - {name: third}\n", false)
	require.Equal(t, map[string]string{
		"templates.2": "error_template_exists", "templates.3": "error_template_entries_none_labels",
	}, wrongFields(t, err))
	require.Equal(t, []Outcome{Created, Refused, Refused}, outcomes(result))
}

func TestImport_replaces(t *testing.T) {
	s, ctx := newTest(t)
	old := create(t, s, ctx, "labels", "Old")
	result, err := s.Import(as(t, "bob", services.RoleUser), "labels", newAndOld, true)
	require.NoError(t, err)
	require.Equal(t, []Imported{{Name: "new", Outcome: Created}, {Name: "old", Outcome: Replaced}}, result)
	got, err := s.Get(ctx, "labels", old.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"old", "ada", "bob"}, []string{got.Name, got.CreatedBy, got.UpdatedBy})
	require.Equal(t, []operation.TemplateEntry{{Key: "c", Values: []string{""}}}, got.Entries)
}

// one returns a document with a template "a" that has the given fields.
func one(fields string) string { return labelHead + "templates: [{name: a, " + fields + "}]" }

// goodEntries is the field of a template with one valid entry.
const goodEntries = "entries: [{key: a, values: [b]}]"

// requireRefused imports documents, and checks that the error is in the given field
// and has the given message id.
func requireRefused(t *testing.T, field string, tests map[string][2]string) {
	t.Helper()
	s, ctx := newTest(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, want := tt[0], tt[1]
			_, err := s.Import(ctx, "labels", text, true)
			require.Equal(t, map[string]string{field: want}, wrongFields(t, err))
		})
	}
}

func TestImport_otherDocuments(t *testing.T) {
	taints := strings.ReplaceAll(labelHead, "Label", "Taint")
	oldVersion := "apiVersion: v1\nkind: LabelTemplates\n"
	requireRefused(t, "document", map[string][2]string{
		"nothing":       {" \n", "error_yaml_none"},
		"no YAML":       {"a: [", "error_yaml_line"},
		"a text":        {"hello", "error_template_yaml"},
		"a comment":     {"# hello", "error_template_yaml_version"},
		"a list":        {"[]", "error_template_yaml"},
		"other version": {oldVersion + "templates: []", "error_template_yaml_version"},
		"other kind":    {taints + "templates: []", "error_template_yaml_kind"},
		"no templates":  {labelHead + "templates: []", "error_template_yaml_empty"},
		"two documents": {labelHead + "templates: []\n---\na: b", "error_yaml_many"},
		"after the end": {labelHead + "templates: []\n...\na: b", "error_yaml_many"},
	})
}

func TestImport_otherTypes(t *testing.T) {
	requireRefused(t, "document", map[string][2]string{
		"unknown field":   {one("colour: red, " + goodEntries), "error_template_yaml_field"},
		"field twice":     {one("description: a, description: b, " + goodEntries), "error_yaml_twice"},
		"number":          {one("entries: [{key: a, values: [1.10]}]"), "error_template_yaml_quotes"},
		"yes":             {one("entries: [{key: a, values: [yes]}]"), "error_template_yaml_quotes"},
		"null":            {one("entries: [{key: a, values: [~]}]"), "error_template_yaml_quotes"},
		"list for a text": {one("description: [], " + goodEntries), "error_template_yaml_quotes"},
		"text for a list": {one("entries: a"), "error_template_yaml_type"},
		"a date":          {one("description: 2026-11-23, " + goodEntries), "error_template_yaml_quotes"},
		"binary":          {one("description: !!binary aGk=, " + goodEntries), "error_template_yaml_quotes"},
		"list for a key":  {"? [a]\n: b", "error_yaml_line"},
	})
}

func TestImport_aliases(t *testing.T) {
	requireRefused(t, "document", map[string][2]string{
		"an alias":        {one("description: &d x, "+goodEntries) + "\nmore: *d", "error_yaml_alias"},
		"an anchor":       {one("description: &d x, " + goodEntries), "error_yaml_alias"},
		"anchor of a key": {one("&d description: x, " + goodEntries), "error_yaml_alias"},
		"alias as a key":  {one("description: x, *d : y, " + goodEntries), "error_yaml_anchor"},
		"merged":          {"a: &a {b: c}\n<<: *a", "error_yaml_merge"},
		"a bomb":          {bomb(), "error_yaml_alias"},
	})
}

func TestImport_tooLarge(t *testing.T) {
	long, deep := strings.Repeat("x", 17<<10), strings.Repeat("[", 17)+strings.Repeat("]", 17)
	list := labelHead + "templates:\n"
	requireRefused(t, "document", map[string][2]string{
		"too large":      {"#" + strings.Repeat("x", 512<<10), "error_yaml_large"},
		"too many":       {list + strings.Repeat("- {name: a}\n", 501), "error_template_yaml_too_many"},
		"too deep":       {one("entries: " + deep), "error_yaml_deep"},
		"very deep":      {strings.Repeat("[", 20_000), "error_yaml"},
		"too many parts": {list + strings.Repeat("- {}\n", 50_000), "error_yaml_parts"},
		"too many nulls": {"[" + strings.Repeat("?,", 100_000) + "]", "error_yaml_parts"},
		"too long":       {one("description: " + long + ", " + goodEntries), "error_yaml_long"},
		"key too long":   {"? " + long + "\n: a", "error_yaml_long"},
	})
}

func TestImport_invalidTemplates(t *testing.T) {
	requireRefused(t, "templates.1", map[string][2]string{
		"bad key":    {one("entries: [{key: a b, values: [b]}]"), "error_entry_key"},
		"effect":     {one("entries: [{key: a, effect: NoSchedule, values: [b]}]"), "error_template_effect"},
		"no values":  {one("entries: [{key: a}]"), "error_template_values"},
		"no entries": {one("clusters: []"), "error_template_entries_none_labels"},
	})
	twice := labelHead + "templates: [{name: a, " + goodEntries + "}, {name: A, " + goodEntries + "}]"
	requireRefused(t, "templates.2", map[string][2]string{
		"name twice": {twice, "error_template_named_twice"},
	})
}

func TestImport_otherSpellings(t *testing.T) {
	s, ctx := newTest(t)
	good := one(goodEntries)
	for _, text := range []string{
		"\ufeff" + good,
		"---\n" + good,
		"# a\n--- # b\n" + good + "\n...\n# end\n",
		"%YAML 1.1\n---\n" + good,
		strings.ReplaceAll(good, "\n", "\r\n"),
		one(`description: "---", ` + goodEntries),
		one(`entries: [{key: "true", values: ["yes", "", "1.10", '0x1F']}]`),
	} {
		_, err := s.Import(ctx, "labels", text, true)
		require.NoError(t, err, text)
	}
}

// bomb returns a document of 30 KB that would need far more memory if its aliases
// were expanded.
func bomb() string {
	return "x: &a \"" + strings.Repeat("z", 15<<10) + "\"\ny: [" + strings.Repeat("*a,", 5000) + "]\n"
}

func TestImport_namesTheLine(t *testing.T) {
	s, ctx := newTest(t)
	_, err := s.Import(ctx, "labels", labelHead+"templates:\n- name: &d a\n  description: *d\n", true)
	require.Equal(t, services.Args("Line", 4), services.AsError(err).Fields[0].Args)
}

// A hostile document must not use much more memory than its own size.
func TestRead_memory(t *testing.T) {
	fill := func(text string) string { return strings.Repeat(text, maxDocument/len(text)) }
	for name, text := range map[string]string{
		"bomb":            bomb(),
		"aliases":         "- &a b\n" + fill("- *a\n"),
		"nulls":           "[" + fill("?,"),
		"keys":            fill("a:\n"),
		"list":            fill("-\n"),
		"just few enough": strings.Repeat("- a: b\n", maxMarks/3),
		"comments":        fill("- #\n"),
		"deep":            fill("["),
		"one text":        fill("x"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read("labels", text[:min(len(text), maxDocument)])
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
		})
	}
}

// fullDocument is a document with every field, as Export writes it.
const fullDocument = labelHead + `templates:
  - name: "a"
    description: "b\nc"
    clusters: ["d"]
    entries:
      - key: "e"
        values: ["f", ""]
`

func FuzzImport(f *testing.F) {
	for _, text := range []string{
		fullDocument,
		labelHead + "templates: [{name: a, entries: [{key: a, values: [yes, 1.10, ~]}]}]",
		"a: &a [*a]", "---\n---", "? [a]: b", "- - - -", "{", "!!binary x", "<<: [{}]", "\xff",
		"a: !!float .nan", "%YAML 9.9\n---\n",
	} {
		f.Add(text)
	}
	f.Fuzz(checkImport)
}

// checkImport checks that reading a document fails with CodeInvalid, or that its
// valid templates are the same after they are written and read again.
func checkImport(t *testing.T, text string) {
	drafts, err := read("labels", text)
	if err != nil {
		require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		return
	}
	var good []Template
	for i, result := range checkAll("labels", drafts) {
		if result.Outcome == Created {
			good = append(good, Template{Kind: "labels", Draft: drafts[i]})
		}
	}
	if len(good) == 0 {
		return
	}
	again, err := read("labels", string(write("labels", good...)))
	require.NoError(t, err, "the written document cannot be read")
	for i, d := range again {
		require.Equal(t, good[i].Draft, d)
	}
}

func FuzzParseValues(f *testing.F) {
	for _, text := range []string{"", "a", "a, b", `a, ""`, "a||b", "，", "\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := ParseValues("values.1", text)
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			return
		}
		require.NotEmpty(t, values)
		again, err := ParseValues("values.1", FormatValues(values))
		require.NoError(t, err)
		require.Equal(t, values, again)
	})
}
