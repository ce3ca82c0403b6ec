package template

import (
	"fmt"
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
		"a bomb":          {"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]", "document", "error_template_yaml_alias"},
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

// A document that stands for more than its bytes is refused before it is
// decoded, and what is refused is named.
func TestImport_refusesWhatWouldGrow(t *testing.T) {
	s, ctx := newTest(t)
	bomb := labelHead + "a: &a \"" + strings.Repeat("z", 1000) + "\"\nb: &b [" + strings.Repeat("*a,", 300) + "]\n" +
		"templates: [" + strings.Repeat("*b,", 300) + "]\n"
	for name, c := range map[string]struct{ document, want string }{
		"aliases":       {bomb, "error_template_yaml_alias"},
		"anchor alone":  {labelHead + "templates: &x []\n", "error_template_yaml_alias"},
		"merge key":     {labelHead + "templates:\n  - &t {name: \"a\"}\n  - <<: *t\n", "error_template_yaml_alias"},
		"deep flow":     {labelHead + "templates: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "error_template_yaml_deep"},
		"deep blocks":   {labelHead + "templates:\n" + strings.Repeat("- ", 500) + "a\n", "error_template_yaml_deep"},
		"endless depth": {labelHead + "templates: " + strings.Repeat("[", 200_000), "error_template_yaml_big"},
		"many values":   {labelHead + "templates: [" + strings.Repeat("a,", 100_000) + "]\n", "error_template_yaml_big"},
		"many keys":     {labelHead + strings.Repeat("a: b\n", 50_000), "error_template_yaml_big"},
		"huge scalar":   {labelHead + "templates: [\"" + strings.Repeat("z", 400_000) + "\"]\n", "error_template_yaml_scalar"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Import(ctx, "labels", c.document, false)
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			wrong := services.AsError(err).Fields
			require.Equal(t, []string{"document", c.want}, []string{wrong[0].Field, wrong[0].Text})
		})
	}
}
