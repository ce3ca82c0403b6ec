package handlers

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/nodes"
)

// rowsTest is a form, and what its rows come to.
type rowsTest struct {
	kind, form string
	want       []string
	wrong      map[string]string // field → message id
}

func annotationRows() map[string]rowsTest {
	return map[string]rowsTest{
		"annotation: blanks and commas": {
			"annotations", "new_key=a&new_value=b,%20c&set.note=x%20y&was.note=x", []string{"note=x y", "a=b, c"}, nil,
		},
		"annotation: a minus at the end": {"annotations", "set.note=x-&was.note=x", []string{"note=x-"}, nil},
		"annotation: removed":            {"annotations", "unset=note", []string{"note-"}, nil},
		"annotation: pasted":             {"annotations", "annotation=a=b,%20c%0Aold-", []string{"a=b, c", "old-"}, nil},
		"annotation: two lines": {
			"annotations", "set.note=x%0Ay", nil, map[string]string{"set.note": "error_annotation_lines"},
		},
	}
}

func TestEditor_rows(t *testing.T) {
	tests := map[string]rowsTest{
		"nothing":                   {"labels", "", nil, nil},
		"left as it was":            {"labels", "set.tier=gold&was.tier=gold", nil, nil},
		"changed":                   {"labels", "set.tier=silver&was.tier=gold", []string{"tier=silver"}, nil},
		"emptied":                   {"labels", "set.tier=&was.tier=gold", []string{"tier="}, nil},
		"empty, left as it was":     {"labels", "set.tier=&was.tier=", nil, nil},
		"mixed, left alone":         {"labels", "set.tier=", nil, nil},
		"mixed, typed":              {"labels", "set.tier=gold", []string{"tier=gold"}, nil},
		"mixed, empty on all":       {"labels", "set.tier=&every=tier", []string{"tier="}, nil},
		"as it was, on all":         {"labels", "set.tier=gold&was.tier=gold&every=tier", []string{"tier=gold"}, nil},
		"removed":                   {"labels", "set.tier=gold&was.tier=gold&unset=tier", []string{"tier-"}, nil},
		"removed without its field": {"labels", "unset=tier", []string{"tier-"}, nil},
		"removed and changed": {
			"labels", "set.tier=x&was.tier=gold&unset=tier", nil, map[string]string{"set.tier": "error_edit_both"},
		},
		"replace: kept and gone": {
			"labels", "mode=replace&set.a=1&was.a=1&every=a&set.b=2&was.b=2&set.c=3&was.c=3&unset=c", []string{"a=1"}, nil,
		},
		"added, with an empty value": {
			"labels", "new_key=a&new_value=1&new_key=b&new_value=&new_key=&new_value=", []string{"a=1", "b="}, nil,
		},
		"added, keys alone": {"labels", "new_key=a", []string{"a="}, nil},
		"a value without a key": {
			"labels", "new_key=&new_value=1", nil, map[string]string{"new.0": "error_entry_key"},
		},
		"wrong key and wrong value": {
			"labels", "new_key=a b&new_value=1&new_key=c&new_value=1 2&set.d=_", nil,
			map[string]string{"new.0": "error_entry_key", "new.1": "error_entry_value", "set.d": "error_entry_value"},
		},
		"nothing is trimmed": {
			"labels", "new_key=a&new_value=1 ", nil, map[string]string{"new.0": "error_entry_value"},
		},
		"pasted": {"labels", "label=a=b,c=d old-%0Ae=", []string{"a=b", "c=d", "old-", "e="}, nil},
		"pasted wrong": {
			"labels", "label=a=b,-c=d", []string{"a=b"}, map[string]string{"label": "error_entry_key"},
		},
		"twice the same": {"labels", "set.a=1&label=a=1", []string{"a=1"}, nil},
		"twice, another": {
			"labels", "set.a=1&new_key=a&new_value=2", []string{"a=1"}, map[string]string{"new.0": "error_entry_twice"},
		},
		"set and removed": {
			"labels", "unset=a&label=a=2", []string{"a-"}, map[string]string{"label": "error_entry_twice"},
		},
		"taint: changed": {
			"taints", "set.gpu:NoSchedule=false&was.gpu:NoSchedule=true", []string{"gpu=false:NoSchedule"}, nil,
		},
		"taint: emptied": {
			"taints", "set.gpu:NoSchedule=&was.gpu:NoSchedule=true", []string{"gpu:NoSchedule"}, nil,
		},
		"taint: removed, one effect": {"taints", "unset=gpu:NoSchedule", []string{"gpu:NoSchedule-"}, nil},
		"taint: added": {
			"taints", "new_key=a&new_value=&new_effect=NoExecute&new_key=b&new_value=1&new_effect=NoSchedule",
			[]string{"a:NoExecute", "b=1:NoSchedule"},
			nil,
		},
		"taint: an effect alone is no row": {"taints", "new_key=&new_value=&new_effect=NoExecute", nil, nil},
		"taint: wrong effect": {
			"taints", "new_key=a&new_value=&new_effect=Never", nil, map[string]string{"new.0": "error_entry_effect"},
		},
		"taint: two effects are two taints": {
			"taints", "set.a:NoSchedule=1&new_key=a&new_value=2&new_effect=NoExecute",
			[]string{"a=1:NoSchedule", "a=2:NoExecute"},
			nil,
		},
		"taint: pasted": {
			"taints", "taint=a=b:NoSchedule c:NoExecute- d-", []string{"a=b:NoSchedule", "c:NoExecute-", "d-"}, nil,
		},
	}
	maps.Copy(tests, annotationRows())
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			form, err := url.ParseQuery(tt.form)
			require.NoError(t, err)
			e, ok := editorOf(tt.kind)
			require.True(t, ok)
			got := e.rows(form)
			require.Equal(t, tt.want, got.entries)
			wrong := map[string]string{}
			for _, w := range got.wrong {
				wrong[w.Field] = w.Text
			}
			if tt.wrong == nil {
				tt.wrong = map[string]string{}
			}
			require.Equal(t, tt.wrong, wrong)
		})
	}
}

// A request that came from a form becomes the one that a script would send; one
// that did not is left alone.
func TestUnfold(t *testing.T) {
	typed := form.Fields{
		"edit": {"taints"}, "operation": {"label"}, "mode": {"add"}, "set.gpu:NoSchedule": {"x"}, "reason": {"why"},
		"new_key": {""}, "new_effect": {"NoExecute"},
	}
	q, err := unfold(batch.Request{Operation: "label", Fields: typed})
	require.NoError(t, err)
	require.Equal(t, "taint", q.Operation, "the form says what it is about")
	require.Equal(
		t, form.Fields{"operation": {"label"}, "mode": {"add"}, "reason": {"why"}, "taint": {"gpu=x:NoSchedule"}}, q.Fields,
	)
	require.Contains(t, typed, "edit", "what was sent is left as it is")

	q, err = unfold(batch.Request{
		Fields: form.Fields{"edit": {"copy"}, "source": {nodes.OtherSource}, "source_other": {" n1 "}},
	})
	require.NoError(t, err)
	require.Equal(t, form.Fields{"source": {"n1"}}, q.Fields)
	q, err = unfold(batch.Request{Fields: form.Fields{"edit": {"copy"}, "source_other": {"n1"}}})
	require.NoError(t, err)
	require.Equal(t, "n1", q.Fields.Text("source"), "a name that was typed is chosen")

	script := batch.Request{Operation: "label", Fields: form.Fields{"label": {"a=b"}, "set.x": {"y"}}}
	q, err = unfold(script)
	require.NoError(t, err)
	require.Equal(t, script, q)
}

// Going back from the plan to the form and on again changes nothing.
func TestEditor_resumes(t *testing.T) {
	spreads := []node.Spread{
		{Key: "env", Nodes: 2, Values: []node.ValueCount{{Value: "dev", Nodes: 1}, {Value: "prod", Nodes: 1}}},
		{Key: "tier", Nodes: 2, Values: []node.ValueCount{{Value: "gold", Nodes: 2}}},
	}
	for _, entries := range [][]string{
		{"tier=gold"}, {"tier="}, {"env="}, {"env-", "tier=x"}, {"new=1"}, {"gone-"}, {"env=dev", "new=", "tier-"},
	} {
		for _, mode := range []string{operation.ModeAdd, operation.ModeReplace} {
			e, _ := editorOf("labels")
			v := nodes.EditView{Mode: mode}
			for _, s := range spreads {
				value, _ := s.Common()
				v.Rows = append(v.Rows, nodes.EditRow{Spread: s, Value: value})
			}
			form := url.Values{"mode": {mode}, "label": entries}
			e.resume(&v, form)
			got := e.rows(typedForm(e, v))
			require.Empty(t, got.wrong)
			if mode == operation.ModeAdd || !strings.Contains(strings.Join(entries, " "), "-") {
				require.ElementsMatch(t, entries, got.entries, mode)
			}
		}
	}
}

func TestBlankRows(t *testing.T) {
	require.Len(t, blankRows(nil, false), 2)
	require.Len(t, blankRows([]nodes.EditNew{{Key: "a"}, {}}, false), 1)
	require.Empty(t, blankRows([]nodes.EditNew{{}, {}}, false))
	require.Len(t, blankRows([]nodes.EditNew{{}, {}}, true), 5)
	require.Empty(t, blankRows(make([]nodes.EditNew, maxNewRows), true))
}

// Whatever is sent, rows come to entries that the operation can read, or to
// fields that are named; nothing panics.
func FuzzEditor_rows(f *testing.F) {
	for _, form := range []string{
		"edit=labels&set.a=1&was.a=2&every=a&unset=b&new_key=c&new_value=d&label=e=f,g-",
		"edit=taints&set.a:NoSchedule=1&new_key=c&new_effect=NoExecute&taint=x-",
		"set.=1", "set.%3A=1&unset=:", "mode=replace&unset=-&every=&set.a-=1",
		"new_value=1&new_value=2&new_effect=&new_key=%00", "label=%3D&taint=:-",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, text string) {
		typed, err := url.ParseQuery(text)
		if err != nil || !utf8.ValidString(text) {
			t.Skip()
		}
		for _, e := range editors() {
			got := e.rows(typed)
			for _, w := range got.wrong {
				require.NotEmpty(t, w.Field)
				require.NotEmpty(t, w.Text)
			}
			canonical := e.canonical(typed, got.entries)
			for _, entry := range e.split(canonical[e.field]) {
				_, err := e.parse(entry)
				require.NoError(t, err, entry)
			}
			require.Equal(t, len(got.entries), len(e.split(canonical[e.field])), "an entry is one entry")
			v := nodes.EditView{}
			e.retype(&v, typed)
			e.resume(&v, typed)
		}
		_, err = unfold(batch.Request{Fields: form.Fields(typed)})
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		}
	})
}
