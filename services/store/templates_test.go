package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func aTemplate(kind, name string) Template {
	return Template{
		Kind: kind, Name: name, Description: "for " + name,
		Entries:  json.RawMessage(`[{"key":"example.com/pool","values":["gpu","50%"]}]`),
		Clusters: []string{"prod"}, CreatedBy: "ada", CreatedAt: noon,
	}
}

func addTemplate(t *testing.T, s *Store, kind, name string) Template {
	t.Helper()
	made, err := s.InsertTemplate(t.Context(), aTemplate(kind, name))
	require.NoError(t, err)
	return made
}

func requireNameTaken(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	require.Equal(t, "name", services.AsError(err).Fields[0].Field)
}

func TestInsertTemplate(t *testing.T) {
	s := openTest(t)
	made := addTemplate(t, s, "labels", "GPU pool")
	want := aTemplate("labels", "GPU pool")
	want.ID, want.UpdatedBy, want.UpdatedAt = made.ID, "ada", noon
	require.Equal(t, want, made)
	got, err := s.Template(t.Context(), "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = s.Template(t.Context(), "taints", made.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "it has another kind")
}

func TestTemplates_namesAreUniqueInAnyCase(t *testing.T) {
	s := openTest(t)
	addTemplate(t, s, "labels", "GPU pool")
	_, err := s.InsertTemplate(t.Context(), aTemplate("labels", "gpu POOL"))
	requireNameTaken(t, err)
	addTemplate(t, s, "taints", "GPU pool")
	other := addTemplate(t, s, "labels", "other")
	other.Name = "GPU Pool"
	_, err = s.UpdateTemplate(t.Context(), other, time.Time{})
	requireNameTaken(t, err)
}

func TestUpdateTemplate_noticesAnotherChange(t *testing.T) {
	s := openTest(t)
	seen := addTemplate(t, s, "labels", "a")
	first := seen
	first.Name, first.UpdatedBy, first.Clusters = "b", "bob", nil
	changed, err := s.UpdateTemplate(t.Context(), first, seen.UpdatedAt)
	require.NoError(t, err)
	require.Equal(t, "b", changed.Name)
	require.Equal(t, "bob", changed.UpdatedBy)
	require.Equal(t, "ada", changed.CreatedBy)
	require.Empty(t, changed.Clusters)
	require.True(t, changed.UpdatedAt.After(seen.UpdatedAt), "even within one millisecond")

	_, err = s.UpdateTemplate(t.Context(), seen, seen.UpdatedAt)
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	require.Equal(t, "bob", services.AsError(err).Args["By"])
	_, err = s.UpdateTemplate(t.Context(), seen, time.Time{})
	require.NoError(t, err, "the zero time allows any version")
	seen.ID = 99
	_, err = s.UpdateTemplate(t.Context(), seen, time.Time{})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestDeleteTemplate_neverUsesAnIDAgain(t *testing.T) {
	s := openTest(t)
	first := addTemplate(t, s, "labels", "a")
	gone, err := s.DeleteTemplate(t.Context(), "labels", first.ID)
	require.NoError(t, err)
	require.Equal(t, first, gone)
	_, err = s.DeleteTemplate(t.Context(), "labels", first.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	require.Greater(t, addTemplate(t, s, "labels", "a").ID, first.ID)
}

func TestTemplates_search(t *testing.T) {
	s := openTest(t)
	for _, name := range []string{"c_d", "B%", "a", `e\f`} {
		addTemplate(t, s, "labels", name)
	}
	addTemplate(t, s, "taints", "a")
	special := aTemplate("labels", "z")
	special.Entries = json.RawMessage(`[{"key":"zone","effect":"NoExecute","values":[""]}]`)
	special.Description = ""
	_, err := s.InsertTemplate(t.Context(), special)
	require.NoError(t, err)
	for text, want := range map[string][]string{
		"":        {"a", "B%", "c_d", `e\f`, "z"},
		"b%":      {"B%"},
		"_":       {"c_d"},
		`\`:       {`e\f`},
		"FOR a":   {"a"},
		"nothing": {},
		"ZON":     {"z"},
		"noexec":  {"z"},
		"50%":     {"a", "B%", "c_d", `e\f`},
		"values":  {},
		"key":     {},
		"'":       {},
		`"`:       {},
	} {
		found, total, err := s.Templates(t.Context(), TemplateQuery{Kind: "labels", Text: text})
		require.NoError(t, err)
		names := make([]string, len(found))
		for i, f := range found {
			names[i] = f.Name
		}
		require.Equal(t, want, names, "%q", text)
		require.Equal(t, len(want), total, "%q", text)
	}
	found, total, err := s.Templates(t.Context(), TemplateQuery{Kind: "labels", Limit: 2, Offset: 1})
	require.NoError(t, err)
	require.Equal(t, 5, total)
	require.Equal(t, []string{"B%", "c_d"}, []string{found[0].Name, found[1].Name})
	_, total, err = s.Templates(t.Context(), TemplateQuery{})
	require.NoError(t, err)
	require.Equal(t, 6, total, "of every kind")
}

func TestSaveTemplates_allOrNothing(t *testing.T) {
	s := openTest(t)
	old := addTemplate(t, s, "labels", "a")
	again, later := aTemplate("labels", "A"), aTemplate("labels", "b")
	again.CreatedBy, again.CreatedAt = "bob", noon.Add(time.Hour)
	all := []Template{later, again, aTemplate("labels", "c")}

	saved, err := s.SaveTemplates(t.Context(), all, false)
	require.NoError(t, err)
	require.Equal(t, []Saved{SavedNew, NotSaved, SavedNew}, saved)
	_, total, err := s.Templates(t.Context(), TemplateQuery{})
	require.NoError(t, err)
	require.Equal(t, 1, total, "nothing was saved")

	saved, err = s.SaveTemplates(t.Context(), all, true)
	require.NoError(t, err)
	require.Equal(t, []Saved{SavedNew, SavedOver, SavedNew}, saved)
	got, err := s.Template(t.Context(), "labels", old.ID)
	require.NoError(t, err)
	require.Equal(t, "A", got.Name)
	require.Equal(t, "ada", got.CreatedBy)
	require.Equal(t, "bob", got.UpdatedBy)
	require.Equal(t, noon.Add(time.Hour), got.UpdatedAt)
}

func TestInsertBatch_countsTheUse(t *testing.T) {
	s := openTest(t)
	made := addTemplate(t, s, "labels", "a")
	b := Batch{
		ID: "b1", Cluster: "c", Operation: "label", Params: json.RawMessage(`{}`), State: StateRunning,
		CreatedAt: noon, ActorID: 1, IdempotencyKey: "k", TemplateID: made.ID,
	}
	require.NoError(t, s.InsertBatch(t.Context(), b, nil))
	stored, err := s.Batch(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, made.ID, stored.TemplateID)

	b.ID = "b2"
	require.Equal(t, services.CodeConflict, services.CodeOf(s.InsertBatch(t.Context(), b, nil)), "the key is used")
	b.IdempotencyKey, b.CreatedAt = "k2", noon.Add(-time.Hour)
	require.NoError(t, s.InsertBatch(t.Context(), b, nil))
	got, err := s.Template(t.Context(), "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, 2, got.Uses, "a batch that was not stored does not count")
	require.Equal(t, noon, *got.LastUsedAt, "the latest use counts")
	require.Equal(t, made.UpdatedAt, got.UpdatedAt, "a use is not a change")
}

func TestInsertBatch_withoutATemplate(t *testing.T) {
	s := openTest(t)
	b := aBatch("b3")
	b.TemplateID = 99
	require.NoError(t, s.InsertBatch(t.Context(), b, nil), "the template may have been deleted")
	b.ID, b.TemplateID = "b4", 0
	require.NoError(t, s.InsertBatch(t.Context(), b, nil))
	stored, err := s.Batch(t.Context(), "b4")
	require.NoError(t, err)
	require.Zero(t, stored.TemplateID)
}

// Batches of a database from before there were templates are kept.
func TestOpen_schemaBeforeTemplates(t *testing.T) {
	dir := t.TempDir()
	writeOld(t, dir, 2, `INSERT INTO batches (id, cluster, operation, params, actor_id, actor, state, created_at, total)
		VALUES ('b1', 'prod', 'cordon', '{}', 1, 'ada', 'succeeded', 1, 0)`)
	s := openIn(t, dir)
	b, err := s.Batch(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, "prod", b.Cluster)
	require.Zero(t, b.TemplateID)
	addTemplate(t, s, "labels", "a")
	require.Equal(t, schema(t, openSQLite(t)), schema(t, s))
}
