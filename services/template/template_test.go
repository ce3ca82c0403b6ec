package template

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newTest returns a service with an empty store, and the context of a user.
func newTest(t testing.TB) (*Service, context.Context) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := storetest.Open(t, t.Context(), t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close(context.WithoutCancel(t.Context()))) })
	s := New(st, log)
	s.now = func() time.Time { return noon }
	return s, as(t, "ada", services.RoleUser)
}

func as(t testing.TB, name string, role services.Role) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: 1, Name: name, Role: role})
}

func aDraft(name string) Draft {
	pool := operation.TemplateEntry{Key: "example.com/pool", Values: []string{"gpu", ""}}
	return Draft{Name: name, Entries: []operation.TemplateEntry{pool}}
}

func taintDraft(name string) Draft {
	return Draft{Name: name, Entries: []operation.TemplateEntry{
		{Key: "dedicated", Effect: "NoSchedule", Values: []string{"gpu", "cpu"}},
		{Key: "dedicated", Effect: "NoExecute", Values: []string{""}},
	}}
}

func create(t testing.TB, s *Service, ctx context.Context, kind, name string) Template {
	t.Helper()
	d := aDraft(name)
	if kind == operation.TaintTemplate {
		d = taintDraft(name)
	}
	made, err := s.Create(ctx, kind, d)
	require.NoError(t, err)
	return made
}

// wrongFields returns the fields that an error names, each with its message id.
func wrongFields(t testing.TB, err error) map[string]string {
	t.Helper()
	require.Equal(t, services.CodeInvalid, services.CodeOf(err), "%v", err)
	out := map[string]string{}
	for _, f := range services.AsError(err).Fields {
		out[f.Field] = f.Text
	}
	return out
}

func TestCreate(t *testing.T) {
	s, ctx := newTest(t)
	d := aDraft("  GPU pool ")
	d.Description, d.Clusters = " two\r\nlines ", []string{"prod", "edge", "prod"}
	made, err := s.Create(ctx, "labels", d)
	require.NoError(t, err)
	want := Template{
		ID: made.ID, Kind: "labels",
		Draft: Draft{
			Name: "GPU pool", Description: "two\nlines", Entries: d.Entries, Clusters: []string{"edge", "prod"},
		},
		CreatedBy: "ada", CreatedAt: noon, UpdatedBy: "ada", UpdatedAt: noon,
	}
	require.Equal(t, want, made)
	got, err := s.Get(ctx, "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = s.Create(ctx, "labels", aDraft("gpu POOL"))
	require.Equal(t, map[string]string{"name": "error_template_name_taken"}, wrongFields(t, err))
	_, err = s.Get(ctx, "taints", made.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

// draftTest is a draft and the message ids of its wrong fields; none means that it
// can be created.
type draftTest struct {
	draft Draft
	wrong map[string]string
}

func checkDrafts(t *testing.T, kind string, tests map[string]draftTest) {
	t.Helper()
	s, ctx := newTest(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			made, err := s.Create(ctx, kind, tt.draft)
			if tt.wrong == nil {
				require.NoError(t, err)
				_, err = s.Delete(ctx, kind, made.ID)
				require.NoError(t, err)
				return
			}
			require.Equal(t, tt.wrong, wrongFields(t, err))
		})
	}
}

func draftOf(entries ...operation.TemplateEntry) Draft { return Draft{Name: "a", Entries: entries} }

func label(key string, values ...string) operation.TemplateEntry {
	return operation.TemplateEntry{Key: key, Values: values}
}

func taint(key, effect string, values ...string) operation.TemplateEntry {
	return operation.TemplateEntry{Key: key, Effect: effect, Values: values}
}

// numbers returns n different values.
func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func TestCreate_texts(t *testing.T) {
	named := func(name string) Draft { return Draft{Name: name, Entries: aDraft("").Entries} }
	described := func(text string) Draft {
		d := aDraft("a")
		d.Description = text
		return d
	}
	in := func(cluster string) Draft {
		d := aDraft("a")
		d.Clusters = []string{cluster}
		return d
	}
	long := strings.Repeat("长", 81)
	checkDrafts(t, "labels", map[string]draftTest{
		"blank name":       {named(" \t"), map[string]string{"name": "error_template_name"}},
		"long name":        {named(long), map[string]string{"name": "error_template_name"}},
		"longest name":     {named(long[3:]), nil},
		"name with a line": {named("a\nb"), map[string]string{"name": "error_text"}},
		"invisible sign":   {named("a\u202eb"), map[string]string{"name": "error_text"}},
		"not UTF-8":        {named("a\xff"), map[string]string{"name": "error_text"}},
		"long description": {
			described(strings.Repeat("x", 501)), map[string]string{"description": "error_template_description"},
		},
		"odd description": {described("x\x07"), map[string]string{"description": "error_text"}},
		"odd cluster":     {in("a\tb"), map[string]string{"cluster": "error_template_cluster_name"}},
		"empty cluster":   {in(""), map[string]string{"cluster": "error_template_cluster_name"}},
		"any cluster":     {in("arn:aws:eks:1:cluster/prod a@b"), nil},
	})
}

func TestCreate_labels(t *testing.T) {
	many := make([]operation.TemplateEntry, 101)
	for i := range many {
		many[i] = label(fmt.Sprintf("key-%d", i), "")
	}
	checkDrafts(t, "labels", map[string]draftTest{
		"nothing": {Draft{}, map[string]string{
			"name": "error_template_name", "entries": "error_template_entries_none_labels",
		}},
		"many entries": {draftOf(many...), map[string]string{"entries": "error_template_entries_many"}},
		"most entries": {draftOf(many[:100]...), nil},
		"no key":       {draftOf(label("", "b")), map[string]string{"key.1": "error_template_key_missing"}},
		"bad keys": {draftOf(label("a b", "b"), label("-", "c")), map[string]string{
			"key.1": "error_entry_key", "key.2": "error_entry_key",
		}},
		"bad value":   {draftOf(label("a", "b", "c d")), map[string]string{"values.1": "error_entry_value"}},
		"no values":   {draftOf(label("a")), map[string]string{"values.1": "error_template_values"}},
		"many values": {draftOf(label("a", numbers(21)...)), map[string]string{"values.1": "error_template_values"}},
		"most values": {draftOf(label("a", numbers(20)...)), nil},
		"value twice": {draftOf(label("a", "", "b", "")), map[string]string{"values.1": "error_template_value_twice"}},
		"key twice": {
			draftOf(label("a", "b"), label("c", "d"), label("a", "e")),
			map[string]string{"key.3": "error_template_twice_labels"},
		},
		"effect": {
			draftOf(taint("a", "NoSchedule", "b")), map[string]string{"effect.1": "error_template_effect"},
		},
	})
}

func TestCreate_taints(t *testing.T) {
	checkDrafts(t, "taints", map[string]draftTest{
		"no taint":    {draftOf(), map[string]string{"entries": "error_template_entries_none_taints"}},
		"no effect":   {draftOf(label("a", "b")), map[string]string{"effect.1": "error_entry_effect"}},
		"bad effect":  {draftOf(taint("a", "noschedule", "b")), map[string]string{"effect.1": "error_entry_effect"}},
		"two effects": {taintDraft("a"), nil},
		"taint twice": {
			draftOf(taint("a", "NoExecute", "b"), taint("a", "NoExecute", "c")),
			map[string]string{"key.2": "error_template_twice_taints"},
		},
		"everything wrong": {
			Draft{
				Name: "\x00", Clusters: []string{"\n"}, Entries: []operation.TemplateEntry{taint("/", "x", "?")},
			},
			map[string]string{
				"name": "error_text", "cluster": "error_template_cluster_name",
				"key.1": "error_entry_key", "effect.1": "error_entry_effect", "values.1": "error_entry_value",
			},
		},
	})
}

// second returns the error of a call that returns a value, too.
func second[T any](_ T, err error) error { return err }

func TestService_permissionToRead(t *testing.T) {
	s, ctx := newTest(t)
	made := create(t, s, ctx, "labels", "a")
	for name, read := range map[string]func(context.Context) error{
		"list":   func(ctx context.Context) error { return second(s.List(ctx, Query{Kind: "labels"})) },
		"get":    func(ctx context.Context) error { return second(s.Get(ctx, "labels", made.ID)) },
		"usable": func(ctx context.Context) error { return second(s.Usable(ctx, "prod")) },
		"template": func(ctx context.Context) error {
			return second(s.Template(ctx, "labels", made.ID, "prod"))
		},
		"export": func(ctx context.Context) error { return second(s.Export(ctx, "labels", 0)) },
		"one":    func(ctx context.Context) error { return second(s.Export(ctx, "labels", made.ID)) },
	} {
		require.NoError(t, read(as(t, "eve", services.RoleViewer)), name)
		require.Equal(t, services.CodeForbidden, services.CodeOf(read(t.Context())), name)
	}
}

func TestService_permissionToChange(t *testing.T) {
	s, ctx := newTest(t)
	made := create(t, s, ctx, "labels", "a")
	for name, change := range map[string]func(context.Context) error{
		"create": func(ctx context.Context) error { return second(s.Create(ctx, "labels", aDraft("b"))) },
		"update": func(ctx context.Context) error {
			return second(s.Update(ctx, "labels", made.ID, aDraft("b"), noon))
		},
		"duplicate": func(ctx context.Context) error { return second(s.Duplicate(ctx, "labels", made.ID)) },
		"delete":    func(ctx context.Context) error { return second(s.Delete(ctx, "labels", made.ID)) },
		"import":    func(ctx context.Context) error { return second(s.Import(ctx, "labels", "x", true)) },
	} {
		require.Equal(t, services.CodeForbidden, services.CodeOf(change(as(t, "eve", services.RoleViewer))), name)
		require.Equal(t, services.CodeForbidden, services.CodeOf(change(t.Context())), name)
	}
}

func TestService_unknownKinds(t *testing.T) {
	s, ctx := newTest(t)
	for _, kind := range []string{"", "annotations", "Labels"} {
		_, err := s.List(ctx, Query{Kind: kind})
		require.Equal(t, services.CodeNotFound, services.CodeOf(err), kind)
		_, err = s.Create(ctx, kind, aDraft("x"))
		require.Equal(t, services.CodeNotFound, services.CodeOf(err), kind)
	}
}

func TestUpdate(t *testing.T) {
	s, ada := newTest(t)
	bob := as(t, "bob", services.RoleUser)
	seen := create(t, s, ada, "labels", "a")
	create(t, s, ada, "labels", "taken")

	changed, err := s.Update(bob, "labels", seen.ID, aDraft("b"), seen.UpdatedAt)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "ada", "bob"}, []string{changed.Name, changed.CreatedBy, changed.UpdatedBy})

	_, err = s.Update(ada, "labels", seen.ID, aDraft("mine"), seen.UpdatedAt)
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	require.Equal(t, "error_template_changed", services.AsError(err).Text)
	_, err = s.Update(ada, "labels", seen.ID, aDraft("mine"), changed.UpdatedAt)
	require.NoError(t, err, "it is based on the newest version")
	_, err = s.Update(ada, "labels", seen.ID, aDraft("Taken"), time.Time{})
	require.Equal(t, map[string]string{"name": "error_template_name_taken"}, wrongFields(t, err))
	_, err = s.Update(ada, "labels", seen.ID, Draft{Name: "x"}, time.Time{})
	require.Contains(t, wrongFields(t, err), "entries")
	for _, kind := range []string{"labels", "taints"} {
		d := aDraft("x")
		if kind == "taints" {
			d = taintDraft("x")
		}
		_, err = s.Update(ada, kind, 99, d, time.Time{})
		require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	}
}

func TestDuplicate_findsAName(t *testing.T) {
	s, ctx := newTest(t)
	made := create(t, s, ctx, "taints", "a")
	for _, want := range []string{"a (copy)", "a (copy 2)", "a (copy 3)"} {
		twin, err := s.Duplicate(ctx, "taints", made.ID)
		require.NoError(t, err)
		require.Equal(t, want, twin.Name)
		require.Equal(t, made.Entries, twin.Entries)
		require.NotEqual(t, made.ID, twin.ID)
	}
	long := create(t, s, ctx, "labels", strings.Repeat("名", 80))
	twin, err := s.Duplicate(ctx, "labels", long.ID)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("名", 73)+" (copy)", twin.Name)
	_, err = s.Duplicate(ctx, "labels", made.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestDelete(t *testing.T) {
	s, ctx := newTest(t)
	made := create(t, s, ctx, "labels", "a")
	gone, err := s.Delete(ctx, "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, made, gone)
	_, err = s.Delete(ctx, "labels", made.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestList_pages(t *testing.T) {
	s, ctx := newTest(t)
	page, err := s.List(ctx, Query{Kind: "labels", Page: 7})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	require.Equal(t, []int{1, 1, 0}, []int{page.Query.Page, page.Pages, page.Total})
	for i := range PageSize + 1 {
		create(t, s, ctx, "labels", fmt.Sprintf("t%02d", i))
	}
	create(t, s, ctx, "taints", "other")
	first, last := []int{1, PageSize}, []int{2, 1}
	for asked, want := range map[int][]int{-1: first, 0: first, 1: first, 2: last, 3: last, 1 << 62: last} {
		page, err := s.List(ctx, Query{Kind: "labels", Page: asked})
		require.NoError(t, err)
		require.Equal(t, want, []int{page.Query.Page, len(page.Items)}, asked)
		require.Equal(t, PageSize+1, page.Total)
		require.Equal(t, 2, page.Pages)
	}
	page, err = s.List(ctx, Query{Kind: "labels", Text: "T50"})
	require.NoError(t, err)
	require.Equal(t, "t50", page.Items[0].Name)
	_, err = s.List(ctx, Query{Kind: "labels", Text: strings.Repeat("x", 201)})
	require.Contains(t, wrongFields(t, err), "q")
}

// prodOnly creates a template that may be applied in the cluster prod only.
func prodOnly(t *testing.T, s *Service, ctx context.Context) Template {
	t.Helper()
	d := taintDraft("prod only")
	d.Clusters = []string{"prod"}
	made, err := s.Create(ctx, "taints", d)
	require.NoError(t, err)
	return made
}

func TestTemplate_onlyInItsClusters(t *testing.T) {
	s, ctx := newTest(t)
	limited := prodOnly(t, s, ctx)
	got, err := s.Template(ctx, "taints", limited.ID, "prod")
	require.NoError(t, err)
	want := operation.Template{ID: limited.ID, Kind: "taints", Name: "prod only", Entries: limited.Entries}
	require.Equal(t, want, got)
	_, err = s.Template(ctx, "taints", limited.ID, "edge")
	require.Equal(t, map[string]string{"template": "error_template_cluster"}, wrongFields(t, err))
	_, err = s.Template(ctx, "labels", limited.ID, "prod")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestUsable(t *testing.T) {
	s, ctx := newTest(t)
	everywhere := create(t, s, ctx, "labels", "everywhere")
	limited := prodOnly(t, s, ctx)
	for cluster, want := range map[string][]int64{"prod": {everywhere.ID, limited.ID}, "edge": {everywhere.ID}} {
		usable, err := s.Usable(ctx, cluster)
		require.NoError(t, err)
		ids := []int64{}
		for _, u := range usable {
			ids = append(ids, u.ID)
		}
		require.Equal(t, want, ids, cluster)
	}
	both, err := s.Usable(ctx, "prod", "edge")
	require.NoError(t, err)
	require.Len(t, both, 1)
	require.Equal(t, everywhere.ID, both[0].ID)
}

func TestValues_parseAndFormat(t *testing.T) {
	for text, want := range map[string][]string{
		"":       {""},
		"  ":     {""},
		"a":      {"a"},
		" a ,b":  {"a", "b"},
		`a, ""`:  {"a", ""},
		`""`:     {""},
		"a|b":    {"a", "b"},
		"a，b":    {"a", "b"},
		"a b":    {"a b"},
		"a, b|c": {"a", "b", "c"},
	} {
		got, err := ParseValues("values.1", text)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", text)
		again, err := ParseValues("values.1", FormatValues(got))
		require.NoError(t, err)
		require.Equal(t, got, again, "%q", text)
	}
	for _, text := range []string{",", "a,", ",a", "a,,b", "a, ,b"} {
		_, err := ParseValues("values.1", text)
		require.Equal(t, map[string]string{"values.1": "error_template_value_blank"}, wrongFields(t, err), "%q", text)
	}
}

func TestParseEntry(t *testing.T) {
	for _, tt := range []struct {
		kind, text string
		want       operation.TemplateEntry
	}{
		{"labels", "a=b", label("a", "b")},
		{"labels", "a=", label("a", "")},
		{"labels", "example.com/a=b||c", label("example.com/a", "b", "", "c")},
		{"taints", "a=b|c:NoExecute", taint("a", "NoExecute", "b", "c")},
		{"taints", "a:NoExecute", taint("a", "NoExecute", "")},
	} {
		got, err := ParseEntry(tt.kind, "entry.1", tt.text)
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.want, got, tt.text)
	}
	for kind, texts := range map[string][]string{"labels": {"a", ""}, "taints": {"a=b", "a", ""}} {
		for _, text := range texts {
			_, err := ParseEntry(kind, "entry.1", text)
			want := map[string]string{"entry.1": "error_template_entry_" + kind}
			require.Equal(t, want, wrongFields(t, err), text)
		}
	}
}
