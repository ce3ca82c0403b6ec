package templates_test

import (
	"net/url"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/templates"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestPages_areSound(t *testing.T) { viewstest.RequirePages(t, templatePages()) }

// sampleTemplate has candidates, an empty value and a name to be escaped.
func sampleTemplate(kind string) template.Template {
	t := template.Template{
		ID: 3, Kind: kind, CreatedBy: "ann", CreatedAt: viewstest.Noon, UpdatedBy: "bob", UpdatedAt: viewstest.Noon, Uses: 2,
	}
	t.Name, t.Description, t.Clusters = "<gold>", "for & by us", []string{viewstest.OddCluster}
	t.Entries = []operation.TemplateEntry{
		{Key: "tier", Values: []string{"gold", "silver"}},
		{Key: "example.com/empty", Values: []string{""}},
		{Key: "a", Values: []string{"1"}},
		{Key: "b", Values: []string{"1"}},
		{Key: "c", Values: []string{"1"}},
	}
	if kind == operation.TaintTemplate {
		for i := range t.Entries {
			t.Entries[i].Effect = "NoSchedule"
		}
		t.LastUsedAt = &viewstest.Noon
	}
	return t
}

// refusedForm is a form of a template with something wrong in every part of it.
func refusedForm(kind string) templates.Form {
	return templates.Form{
		Kind: kind, ID: 3, Old: "<gold>", Seen: "v1", Name: "<gold>", Description: "x", Conflict: true,
		Rows:     []templates.Row{{Key: "tier", Effect: "NoSchedule", Values: "gold, silver"}, {}},
		Clusters: []templates.Cluster{{Name: viewstest.OddCluster, Known: true, Chosen: true}, {Name: "gone", Chosen: true}},
		Problem: &ui.Problem{Text: "No.", Hint: "Look.", Fields: map[string]string{
			"name": "taken", "description": "long", "cluster": "unknown", "updatedAt": "changed",
			"entry.1.key": "bad", "entry.2.values": "bad", "entries": "too many",
		}},
	}
}

func templatePages() map[string]templ.Component {
	out := map[string]templ.Component{}
	f := viewstest.Frame()
	f.Current, f.Cluster = "templates", ""
	for _, kind := range template.Kinds() {
		t, p := sampleTemplate(kind), viewstest.Problem()
		page := template.Page{
			Query: template.Query{Kind: kind, Text: "a&b", Page: 2}, Items: []template.Template{t}, Total: 101, Pages: 3,
		}
		none := template.Page{Query: template.Query{Kind: kind}}
		apply := templates.Apply{
			Cluster: viewstest.OddCluster, Names: []string{"a", "b"}, Usable: []template.Template{t}, Mode: operation.ModeAdd,
			Reason: "r", Back: "/x",
		}
		chosen := apply
		chosen.Template, chosen.Values, chosen.Problem = &t, url.Values{"value.tier": {"silver"}}, &p
		outcomes := []template.Imported{
			{Name: "a", Outcome: template.Created},
			{Outcome: template.Refused, Why: services.NewError(services.CodeInvalid, "problem_unknown")},
		}
		for name, c := range map[string]templ.Component{
			"list":              templates.ListPage(f, templates.ListView{Page: page, MayChange: true, Now: viewstest.Noon}),
			"list of a viewer":  templates.ListPage(f, templates.ListView{Page: page, Now: viewstest.Noon}),
			"no templates":      templates.ListPage(f, templates.ListView{Page: none, MayChange: true, Now: viewstest.Noon}),
			"none for a viewer": templates.ListPage(f, templates.ListView{Page: none, Now: viewstest.Noon}),
			"none match": templates.ListPage(f, templates.ListView{
				Page: template.Page{Query: page.Query}, Now: viewstest.Noon,
			}),
			"one": templates.Page(f, templates.View{
				Template: t, Clusters: viewstest.Clusters(), Unknown: []string{"gone"}, MayChange: true, Now: viewstest.Noon,
			}),
			"one of a viewer": templates.Page(f, templates.View{Template: t, Now: viewstest.Noon}),
			"deletion":        templates.DeletePage(f, t),
			"new":             templates.FormPage(f, templates.Form{Kind: kind}),
			"new with more": templates.FormPage(f, templates.Form{
				Kind: kind, Rows: refusedForm(kind).Rows, More: true, Rearranged: true,
			}),
			"edit, refused": templates.FormPage(f, refusedForm(kind)),
			"import":        templates.ImportPage(f, templates.Import{Kind: kind}),
			"imported":      templates.ImportPage(f, templates.Import{Kind: kind, Result: outcomes[:1]}),
			"import, refused": templates.ImportPage(f, templates.Import{
				Kind: kind, Document: "<x>", Replace: true, Result: outcomes, Problem: &p,
			}),
			"apply":         templates.ApplyPage(f, apply),
			"apply, chosen": templates.ApplyPage(f, chosen),
			"apply, none": templates.ApplyPage(f, templates.Apply{
				Cluster: viewstest.OddCluster, Names: []string{"a"}, Back: "/x",
			}),
		} {
			out[kind+", "+name] = c
		}
	}
	return out
}

func TestTemplateExamples_haveWords(t *testing.T) {
	for _, kind := range template.Kinds() {
		for _, e := range templates.Examples(t.Context(), kind) {
			require.NotEqual(t, "template_example_"+e.ID, e.Form.Name)
			require.NotEqual(t, "template_example_about_"+e.ID, e.Form.Description)
		}
	}
}
