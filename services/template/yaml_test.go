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

func TestExport_readsWell(t *testing.T) {
	s, ctx := newTest(t)
	d := taintDraft("GPU: \"all\"")
	d.Description, d.Clusters = "for <A&B>\nonly", []string{"arn:aws:eks:1:cluster/prod", "yes"}
	made, err := s.Create(ctx, "taints", d)
	require.NoError(t, err)
	want := `apiVersion: kube-node-manager.io/v1
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
	text, err := s.Export(ctx, "taints", made.ID)
	require.NoError(t, err)
	require.Equal(t, want, string(text))
	text, err = s.Export(ctx, "taints", 0)
	require.NoError(t, err)
	require.Equal(t, want, string(text))
	text, err = s.Export(ctx, "labels", 0)
	require.NoError(t, err)
	require.Equal(t, labelHead+"templates: []\n", string(text))
	_, err = s.Export(ctx, "labels", made.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestImport_takesWhatWasExported(t *testing.T) {
	s, ctx := newTest(t)
	for i, value := range []string{"true", "1.10", "yes", "null", "0x1F", "2026-11-23", "", "e1", "a.b_c-d", "12_3"} {
		_, err := s.Create(ctx, "labels", Draft{
			Name: fmt.Sprintf("%d: %s # - 'é' 名 \"\\", i, value), Description: "a\n\n- b: c", Clusters: []string{"on", "off"},
			Entries: []operation.TemplateEntry{{Key: "key", Values: []string{value, "other"}}, {Key: "true", Values: []string{""}}},
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

func TestImport_allOrNothing(t *testing.T) {
	s, ctx := newTest(t)
	bob := as(t, "bob", services.RoleUser)
	old := create(t, s, ctx, "labels", "Old")
	const text = labelHead + `
templates:
  - {name: new, entries: [{key: a, values: [b]}]}
  - {name: old, entries: [{key: c, values: [""]}]}
`
	result, err := s.Import(bob, "labels", text, false)
	require.Equal(t, map[string]string{"templates.2": "error_template_exists"}, wrongFields(t, err))
	require.Equal(t, "error_template_import", services.AsError(err).Text)
	require.Equal(t, []Outcome{Created, Refused}, []Outcome{result[0].Outcome, result[1].Outcome})
	page, err := s.List(ctx, Query{Kind: "labels"})
	require.NoError(t, err)
	require.Equal(t, []Template{old}, page.Items, "nothing was imported")

	result, err = s.Import(bob, "labels", text+"  - {name: third}\n", false)
	require.Equal(t, map[string]string{"templates.2": "error_template_exists", "templates.3": "error_template_entries_none_labels"}, wrongFields(t, err))
	require.Equal(t, []Outcome{Created, Refused, Refused}, []Outcome{result[0].Outcome, result[1].Outcome, result[2].Outcome})

	result, err = s.Import(bob, "labels", text, true)
	require.NoError(t, err)
	require.Equal(t, []Imported{{Name: "new", Outcome: Created}, {Name: "old", Outcome: Replaced}}, result)
	got, err := s.Get(ctx, "labels", old.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"old", "ada", "bob"}, []string{got.Name, got.CreatedBy, got.UpdatedBy})
	require.Equal(t, []operation.TemplateEntry{{Key: "c", Values: []string{""}}}, got.Entries)
}

func TestImport_saysWhy(t *testing.T) {
	one := func(fields string) string { return labelHead + "templates: [{name: a, " + fields + "}]" }
	const entries = "entries: [{key: a, values: [b]}]"
	tests := map[string]struct {
		text, field, want string
	}{
		"nothing":         {" \n", "document", "error_template_yaml_none"},
		"too large":       {"#" + strings.Repeat("x", 512<<10), "document", "error_template_yaml_large"},
		"no YAML":         {"a: [", "document", "error_template_yaml_line"},
		"a text":          {"hello", "document", "error_template_yaml"},
		"a comment":       {"# hello", "document", "error_template_yaml_version"},
		"a list":          {"[]", "document", "error_template_yaml"},
		"other version":   {"apiVersion: v1\nkind: LabelTemplates\ntemplates: []", "document", "error_template_yaml_version"},
		"other kind":      {"apiVersion: kube-node-manager.io/v1\nkind: TaintTemplates\ntemplates: []", "document", "error_template_yaml_kind"},
		"no templates":    {labelHead + "templates: []", "document", "error_template_yaml_empty"},
		"two documents":   {labelHead + "templates: []\n---\na: b", "document", "error_template_yaml_many"},
		"after the end":   {labelHead + "templates: []\n...\na: b", "document", "error_template_yaml_many"},
		"unknown field":   {one("colour: red, " + entries), "document", "error_template_yaml_field"},
		"field twice":     {one("description: a, description: b, " + entries), "document", "error_template_yaml_line"},
		"number":          {one("entries: [{key: a, values: [1.10]}]"), "document", "error_template_yaml_quotes"},
		"yes":             {one("entries: [{key: a, values: [yes]}]"), "document", "error_template_yaml_quotes"},
		"null":            {one("entries: [{key: a, values: [~]}]"), "document", "error_template_yaml_quotes"},
		"list for a text": {one("description: [], " + entries), "document", "error_template_yaml_quotes"},
		"text for a list": {one("entries: a"), "document", "error_template_yaml_type"},
		"too many":        {labelHead + "templates:\n" + strings.Repeat("- {name: a}\n", 501), "document", "error_template_yaml_too_many"},
		"an alias":        {one("description: &d x, "+entries) + "\nmore: *d", "document", "error_template_yaml_alias"},
		"an anchor":       {one("description: &d x, " + entries), "document", "error_template_yaml_alias"},
		"anchor of a key": {one("&d description: x, " + entries), "document", "error_template_yaml_alias"},
		"alias as a key":  {one("description: x, *d : y, " + entries), "document", "error_template_yaml_anchor"},
		"merged":          {"a: &a {b: c}\n<<: *a", "document", "error_template_yaml_alias"},
		"a bomb":          {bomb(), "document", "error_template_yaml_alias"},
		"too deep":        {one("entries: " + strings.Repeat("[", 17) + strings.Repeat("]", 17)), "document", "error_template_yaml_deep"},
		"very deep":       {strings.Repeat("[", 20_000), "document", "error_template_yaml"},
		"too many parts":  {labelHead + "templates:\n" + strings.Repeat("- {}\n", 50_000), "document", "error_template_yaml_parts"},
		"too many nulls":  {"[" + strings.Repeat("?,", 100_000) + "]", "document", "error_template_yaml_parts"},
		"too long":        {one("description: " + strings.Repeat("x", 17<<10) + ", " + entries), "document", "error_template_yaml_long"},
		"key too long":    {"? " + strings.Repeat("x", 17<<10) + "\n: a", "document", "error_template_yaml_long"},
		"a date":          {one("description: 2026-11-23, " + entries), "document", "error_template_yaml_quotes"},
		"binary":          {one("description: !!binary aGk=, " + entries), "document", "error_template_yaml_quotes"},
		"list for a key":  {"? [a]\n: b", "document", "error_template_yaml_line"},
		"bad key":         {one("entries: [{key: a b, values: [b]}]"), "templates.1", "error_entry_key"},
		"effect":          {one("entries: [{key: a, effect: NoSchedule, values: [b]}]"), "templates.1", "error_template_effect"},
		"no values":       {one("entries: [{key: a}]"), "templates.1", "error_template_values"},
		"no entries":      {one("clusters: []"), "templates.1", "error_template_entries_none_labels"},
		"name twice":      {labelHead + "templates: [{name: a, " + entries + "}, {name: A, " + entries + "}]", "templates.2", "error_template_named_twice"},
	}
	s, ctx := newTest(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := s.Import(ctx, "labels", tt.text, true)
			require.Equal(t, map[string]string{tt.field: tt.want}, wrongFields(t, err))
		})
	}
	for _, text := range []string{
		"\ufeff" + one(entries), "---\n" + one(entries), "# a\n--- # b\n" + one(entries) + "\n...\n# end\n",
		"%YAML 1.1\n---\n" + one(entries), strings.ReplaceAll(one(entries), "\n", "\r\n"), one(`description: "---", ` + entries),
		one(`entries: [{key: "true", values: ["yes", "", "1.10", '0x1F']}]`),
	} {
		_, err := s.Import(ctx, "labels", text, true)
		require.NoError(t, err, text)
	}
}

// bomb is a document of 30 KB that would be gigabytes.
func bomb() string {
	return "x: &a \"" + strings.Repeat("z", 15<<10) + "\"\ny: [" + strings.Repeat("*a,", 5000) + "]\n"
}

// A refusal names the line.
func TestImport_namesTheLine(t *testing.T) {
	s, ctx := newTest(t)
	_, err := s.Import(ctx, "labels", labelHead+"templates:\n- name: &d a\n  description: *d\n", true)
	require.Equal(t, services.Args("Line", 4), services.AsError(err).Fields[0].Args)
}

// What a hostile document may cost: little more than its own size.
func TestRead_memory(t *testing.T) {
	fill := func(text string) string { return strings.Repeat(text, maxDocument/len(text)) }
	for name, text := range map[string]string{
		"bomb": bomb(), "aliases": "- &a b\n" + fill("- *a\n"), "nulls": "[" + fill("?,"), "keys": fill("a:\n"), "list": fill("-\n"),
		"just few enough": strings.Repeat("- a: b\n", maxMarks/3), "comments": fill("- #\n"), "deep": fill("["), "one text": fill("x"),
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

func FuzzImport(f *testing.F) {
	for _, text := range []string{
		labelHead + "templates:\n  - name: \"a\"\n    description: \"b\\nc\"\n    clusters: [\"d\"]\n    entries:\n      - key: \"e\"\n        values: [\"f\", \"\"]\n",
		labelHead + "templates: [{name: a, entries: [{key: a, values: [yes, 1.10, ~]}]}]",
		"a: &a [*a]", "---\n---", "? [a]: b", "- - - -", "{", "!!binary x", "<<: [{}]", "\xff", "a: !!float .nan", "%YAML 9.9\n---\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
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
		require.NoError(t, err, "what is written can be read")
		for i, d := range again {
			require.Equal(t, good[i].Draft, d)
		}
	})
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
