package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store/storetest"
	"kube-node-manager/services/template"
	"kube-node-manager/views/templates"
	"kube-node-manager/views/ui"
)

func TestTemplateRows(t *testing.T) {
	tests := map[string]struct {
		form string
		want []templates.Row
	}{
		"none": {"", nil},
		"in their order": {
			"key.10=c&values.10=3&key.2=b&values.2=2&key.1=a",
			[]templates.Row{{Key: "a"}, {Key: "b", Values: "2"}, {Key: "c", Values: "3"}},
		},
		"blank ones":    {"key.1=&values.1=&key.2=+&values.2=++&effect.2=NoSchedule&key.3=a", []templates.Row{{Key: "a"}}},
		"a value alone": {"values.4=x", []templates.Row{{Values: "x"}}},
		"one to go":     {"key.1=a&key.2=b&key.3=c&remove=2", []templates.Row{{Key: "a"}, {Key: "c"}}},
		"none to go":    {"key.1=a&remove=9&remove=x", []templates.Row{{Key: "a"}}},
		"odd names":     {"key.0=a&key.-1=b&key.x=c&key=d&key.=e&other.1=f&key.99999999999999999999=g", nil},
		"effects and such": {
			"key.1=+a+&effect.1=NoExecute&values.1=+b,+c", []templates.Row{{Key: "a", Effect: "NoExecute", Values: " b, c"}},
		},
	}
	for name, tt := range tests {
		form, err := url.ParseQuery(tt.form)
		require.NoError(t, err)
		require.Equal(t, tt.want, templateRows(form), name)
	}
	many := url.Values{}
	for i := range 500 {
		many.Set(template.EntryField("key", i), "a")
	}
	require.Len(t, templateRows(many), template.MaxEntries+1, "enough to refuse them")
}

func TestTemplateDraft_explains(t *testing.T) {
	read := func(kind, form string) templateDraft {
		r := httptest.NewRequest(http.MethodPost, "/?"+form, nil)
		_, d, err := (&Handlers{}).readTemplate(r, templates.Form{Kind: kind})
		require.NoError(t, err)
		return d
	}
	fields := func(err error) map[string]string {
		out := map[string]string{}
		for _, f := range services.AsError(err).Fields {
			out[f.Field] = f.Text
		}
		return out
	}
	refusal := services.InvalidFields(
		services.FieldError{Field: "values.1", Text: "a"}, services.FieldError{Field: "values.1", Text: "b"},
		services.FieldError{Field: "name", Text: "c"},
	)

	d := read("labels", "key.1=a&values.1=b,,c")
	require.Equal(t, map[string]string{"values.1": "error_template_value_blank", "name": "c"}, fields(d.explain(refusal)))
	d = read("labels", "entry=a")
	require.Equal(t, map[string]string{"entry.1": "error_template_entry_labels", "name": "c"}, fields(d.explain(refusal)))
	d = read("taints", "entry=a=b|:NoExecute&key.1=ignored")
	require.Equal(t, []operation.TemplateEntry{{Key: "a", Effect: "NoExecute", Values: []string{"b", ""}}}, d.Entries)
	require.Equal(t, map[string]string{"entry.1": "a", "name": "c"}, fields(d.explain(refusal)))
	conflict := services.NewError(services.CodeConflict, "error_template_changed")
	require.Equal(t, error(conflict), d.explain(conflict))
}

// noClusters and noBatches are a program that has nothing.
type (
	noClusters struct{ clusterRegistry }
	noBatches  struct{ batchEngine }
)

func (noClusters) List() []cluster.Cluster { return nil }

func (noClusters) Get(string) (cluster.Cluster, error) {
	return cluster.Cluster{}, services.NewError(services.CodeNotFound, "error_not_found")
}

func (noBatches) Running(services.Scope) []batch.View { return nil }

func (noBatches) Interrupted(context.Context) []batch.View { return nil }

// FuzzTemplatesCreate posts anything to the form: it makes a template, or the
// form comes back, or the request is refused as what it is.
func FuzzTemplatesCreate(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	for _, seed := range [][3]string{
		{"labels", form, "name=a&key.1=b&values.1=c,+d&cluster=prod&description=x"},
		{"taints", form, "name=a&key.1=b&values.1=%22%22&effect.1=NoSchedule&key.7=c&effect.7=x&more=1"},
		{"labels", form, "name=%00&entry=a&entry=b%3Dc&remove=1"},
		{"taints", "application/json", `{"name":"a","entry":["b=c|d:NoExecute","e:NoSchedule"],"cluster":["x"]}`},
		{"labels", form, "key.1=%F0%9F%92%A9&values.99=,&key.18446744073709551616=a&cluster=%0A"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	log := slog.New(slog.DiscardHandler)
	st, err := storetest.Open(f, f.Context(), f.TempDir(), log)
	require.NoError(f, err)
	f.Cleanup(func() { _ = st.Close(context.Background()) })
	h := New(Dependencies{Clusters: noClusters{}, Batches: noBatches{}, Templates: template.New(st, log)})
	f.Fuzz(func(t *testing.T, kind, mime, body string) {
		r := httptest.NewRequest(http.MethodPost, "/templates/x/new", strings.NewReader(body))
		r.Header.Set("Content-Type", mime)
		route := chi.NewRouteContext()
		route.URLParams.Add("kind", kind)
		ctx := context.WithValue(r.Context(), chi.RouteCtxKey, route)
		r = r.WithContext(services.WithActor(ctx, services.Actor{ID: 1, Name: "ada", Role: services.RoleUser}))
		w := httptest.NewRecorder()
		err := h.TemplatesCreate(w, r)
		if err == nil {
			require.Contains(t, []int{http.StatusOK, http.StatusSeeOther}, w.Code)
			return
		}
		require.Contains(t, []services.Code{services.CodeInvalid, services.CodeNotFound}, services.CodeOf(err), "%v", err)
		if again, ok := errors.AsType[*FormError](err); ok {
			require.NoError(t, render(httptest.NewRecorder(), r, http.StatusOK, again.Form(ui.NewProblem(r.Context(), err))))
		}
	})
}

func TestSeenTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 123e6, time.UTC)
	seen, err := seenTime(seenText(template.Template{UpdatedAt: at}))
	require.NoError(t, err)
	require.True(t, at.Equal(seen))
	seen, err = seenTime("")
	require.NoError(t, err)
	require.True(t, seen.IsZero())
	for _, text := range []string{"x", "2026-11-23", "0001-01-01T00:00:00Z"} {
		_, err = seenTime(text)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), text)
	}
}
