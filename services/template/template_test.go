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
	"kube-node-manager/services/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newTest gives a service over a new store, and somebody who may use it.
func newTest(t testing.TB) (*Service, context.Context) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.Context(), t.TempDir(), log)
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
	return Draft{Name: name, Entries: []operation.TemplateEntry{{Key: "example.com/pool", Values: []string{"gpu", ""}}}}
}

func taintDraft(name string) Draft {
	return Draft{Name: name, Entries: []operation.TemplateEntry{
		{Key: "dedicated", Effect: "NoSchedule", Values: []string{"gpu", "cpu"}}, {Key: "dedicated", Effect: "NoExecute", Values: []string{""}},
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

// wrongFields gives the text of each field that an error names.
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
		ID: made.ID, Kind: "labels", Draft: Draft{Name: "GPU pool", Description: "two\nlines", Entries: d.Entries, Clusters: []string{"edge", "prod"}},
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

func TestCreate_namesEveryWrongField(t *testing.T) {
	entry := func(key string, values ...string) operation.TemplateEntry {
		return operation.TemplateEntry{Key: key, Values: values}
	}
	taint := func(key, effect string, values ...string) operation.TemplateEntry {
		return operation.TemplateEntry{Key: key, Effect: effect, Values: values}
	}
	good := []operation.TemplateEntry{entry("a", "b")}
	many := make([]operation.TemplateEntry, 101)
	values := make([]string, 21)
	for i := range many {
		many[i] = entry(fmt.Sprintf("key-%d", i), "")
	}
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	long := strings.Repeat("长", 81)
	tests := map[string]struct {
		kind  string
		draft Draft
		want  map[string]string
	}{
		"nothing":          {"labels", Draft{}, map[string]string{"name": "error_template_name", "entries": "error_template_entries_none_labels"}},
		"no taint":         {"taints", Draft{Name: "a"}, map[string]string{"entries": "error_template_entries_none_taints"}},
		"blank name":       {"labels", Draft{Name: " \t", Entries: good}, map[string]string{"name": "error_template_name"}},
		"long name":        {"labels", Draft{Name: long, Entries: good}, map[string]string{"name": "error_template_name"}},
		"longest name":     {"labels", Draft{Name: long[3:], Entries: good}, nil},
		"name with a line": {"labels", Draft{Name: "a\nb", Entries: good}, map[string]string{"name": "error_text"}},
		"unseen sign":      {"labels", Draft{Name: "a\u202eb", Entries: good}, map[string]string{"name": "error_text"}},
		"not UTF-8":        {"labels", Draft{Name: "a\xff", Entries: good}, map[string]string{"name": "error_text"}},
		"long description": {"labels", Draft{Name: "a", Description: strings.Repeat("x", 501), Entries: good}, map[string]string{"description": "error_template_description"}},
		"odd description":  {"labels", Draft{Name: "a", Description: "x\x07", Entries: good}, map[string]string{"description": "error_text"}},
		"odd cluster":      {"labels", Draft{Name: "a", Clusters: []string{"a\tb"}, Entries: good}, map[string]string{"cluster": "error_template_cluster_name"}},
		"empty cluster":    {"labels", Draft{Name: "a", Clusters: []string{""}, Entries: good}, map[string]string{"cluster": "error_template_cluster_name"}},
		"any cluster":      {"labels", Draft{Name: "a", Clusters: []string{"arn:aws:eks:1:cluster/prod a@b"}, Entries: good}, nil},
		"many entries":     {"labels", Draft{Name: "a", Entries: many}, map[string]string{"entries": "error_template_entries_many"}},
		"most entries":     {"labels", Draft{Name: "a", Entries: many[:100]}, nil},
		"no key":           {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("", "b")}}, map[string]string{"key.1": "error_template_key_missing"}},
		"bad key":          {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a b", "b"), entry("-", "c")}}, map[string]string{"key.1": "error_entry_key", "key.2": "error_entry_key"}},
		"bad value":        {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a", "b", "c d")}}, map[string]string{"values.1": "error_entry_value"}},
		"no values":        {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a")}}, map[string]string{"values.1": "error_template_values"}},
		"many values":      {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a", values...)}}, map[string]string{"values.1": "error_template_values"}},
		"most values":      {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a", values[:20]...)}}, nil},
		"value twice":      {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a", "", "b", "")}}, map[string]string{"values.1": "error_template_value_twice"}},
		"key twice":        {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{entry("a", "b"), entry("c", "d"), entry("a", "e")}}, map[string]string{"key.3": "error_template_twice_labels"}},
		"label's effect":   {"labels", Draft{Name: "a", Entries: []operation.TemplateEntry{taint("a", "NoSchedule", "b")}}, map[string]string{"effect.1": "error_template_effect"}},
		"no effect":        {"taints", Draft{Name: "a", Entries: good}, map[string]string{"effect.1": "error_entry_effect"}},
		"bad effect":       {"taints", Draft{Name: "a", Entries: []operation.TemplateEntry{taint("a", "noschedule", "b")}}, map[string]string{"effect.1": "error_entry_effect"}},
		"two effects":      {"taints", taintDraft("a"), nil},
		"taint twice":      {"taints", Draft{Name: "a", Entries: []operation.TemplateEntry{taint("a", "NoExecute", "b"), taint("a", "NoExecute", "c")}}, map[string]string{"key.2": "error_template_twice_taints"}},
		"all at once": {"taints", Draft{Name: "\x00", Clusters: []string{"\n"}, Entries: []operation.TemplateEntry{taint("/", "x", "?")}}, map[string]string{
			"name": "error_text", "cluster": "error_template_cluster_name", "key.1": "error_entry_key", "effect.1": "error_entry_effect", "values.1": "error_entry_value",
		}},
	}
	s, ctx := newTest(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			made, err := s.Create(ctx, tt.kind, tt.draft)
			if tt.want == nil {
				require.NoError(t, err)
				_, err = s.Delete(ctx, tt.kind, made.ID)
				require.NoError(t, err)
				return
			}
			require.Equal(t, tt.want, wrongFields(t, err))
		})
	}
}

func TestService_asksWhoItIs(t *testing.T) {
	s, ctx := newTest(t)
	made := create(t, s, ctx, "labels", "a")
	viewer, nobody := as(t, "eve", services.RoleViewer), t.Context()
	read := map[string]func(context.Context) error{
		"list":     func(ctx context.Context) error { _, err := s.List(ctx, Query{Kind: "labels"}); return err },
		"get":      func(ctx context.Context) error { _, err := s.Get(ctx, "labels", made.ID); return err },
		"usable":   func(ctx context.Context) error { _, err := s.Usable(ctx, "prod"); return err },
		"template": func(ctx context.Context) error { _, err := s.Template(ctx, "labels", made.ID, "prod"); return err },
		"export":   func(ctx context.Context) error { _, err := s.Export(ctx, "labels", 0); return err },
		"one":      func(ctx context.Context) error { _, err := s.Export(ctx, "labels", made.ID); return err },
	}
	change := map[string]func(context.Context) error{
		"create": func(ctx context.Context) error { _, err := s.Create(ctx, "labels", aDraft("b")); return err },
		"update": func(ctx context.Context) error {
			_, err := s.Update(ctx, "labels", made.ID, aDraft("b"), noon)
			return err
		},
		"duplicate": func(ctx context.Context) error { _, err := s.Duplicate(ctx, "labels", made.ID); return err },
		"delete":    func(ctx context.Context) error { _, err := s.Delete(ctx, "labels", made.ID); return err },
		"import":    func(ctx context.Context) error { _, err := s.Import(ctx, "labels", "x", true); return err },
	}
	for name, do := range read {
		require.NoError(t, do(viewer), name)
		require.Equal(t, services.CodeForbidden, services.CodeOf(do(nobody)), name)
	}
	for name, do := range change {
		require.Equal(t, services.CodeForbidden, services.CodeOf(do(viewer)), name)
		require.Equal(t, services.CodeForbidden, services.CodeOf(do(nobody)), name)
	}
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
	require.NoError(t, err, "after having seen the change")
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
	for asked, want := range map[int][]int{-1: {1, PageSize}, 0: {1, PageSize}, 1: {1, PageSize}, 2: {2, 1}, 3: {2, 1}, 1 << 62: {2, 1}} {
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

func TestTemplate_onlyWhereItMayBeUsed(t *testing.T) {
	s, ctx := newTest(t)
	everywhere := create(t, s, ctx, "labels", "everywhere")
	d := taintDraft("prod only")
	d.Clusters = []string{"prod"}
	limited, err := s.Create(ctx, "taints", d)
	require.NoError(t, err)

	got, err := s.Template(ctx, "taints", limited.ID, "prod")
	require.NoError(t, err)
	require.Equal(t, operation.Template{ID: limited.ID, Kind: "taints", Name: "prod only", Entries: d.Entries}, got)
	_, err = s.Template(ctx, "taints", limited.ID, "edge")
	require.Equal(t, map[string]string{"template": "error_template_cluster"}, wrongFields(t, err))
	_, err = s.Template(ctx, "labels", limited.ID, "prod")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))

	for cluster, want := range map[string][]int64{"prod": {everywhere.ID, limited.ID}, "edge": {everywhere.ID}} {
		usable, err := s.Usable(ctx, cluster)
		require.NoError(t, err)
		ids := []int64{}
		for _, u := range usable {
			ids = append(ids, u.ID)
		}
		require.Equal(t, want, ids, cluster)
	}
}

func TestValues_readAndWrite(t *testing.T) {
	for text, want := range map[string][]string{
		"": {""}, "  ": {""}, "a": {"a"}, " a ,b": {"a", "b"}, `a, ""`: {"a", ""}, `""`: {""}, "a|b": {"a", "b"}, "a，b": {"a", "b"}, "a b": {"a b"},
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
		{"labels", "a=b", operation.TemplateEntry{Key: "a", Values: []string{"b"}}},
		{"labels", "a=", operation.TemplateEntry{Key: "a", Values: []string{""}}},
		{"labels", "example.com/a=b||c", operation.TemplateEntry{Key: "example.com/a", Values: []string{"b", "", "c"}}},
		{"taints", "a=b|c:NoExecute", operation.TemplateEntry{Key: "a", Effect: "NoExecute", Values: []string{"b", "c"}}},
		{"taints", "a:NoExecute", operation.TemplateEntry{Key: "a", Effect: "NoExecute", Values: []string{""}}},
	} {
		got, err := ParseEntry(tt.kind, "entry.1", tt.text)
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.want, got, tt.text)
	}
	for _, tt := range [][2]string{{"labels", "a"}, {"labels", ""}, {"taints", "a=b"}, {"taints", "a"}, {"taints", ""}} {
		_, err := ParseEntry(tt[0], "entry.1", tt[1])
		require.Equal(t, map[string]string{"entry.1": "error_template_entry_" + tt[0]}, wrongFields(t, err), tt[1])
	}
}
