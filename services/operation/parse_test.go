package operation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
)

func TestParseForms(t *testing.T) {
	for name, c := range map[string]struct {
		operation string
		form      form.Fields
		want      string // the parameters, or the field and the message of the error
	}{
		"labels": {
			"label", form.Fields{"label": {"a=b", "c="}}, `{"mode":"add","set":{"a":"b","c":""},"overwrite":true}`,
		},
		"pasted labels": {
			"label",
			form.Fields{"label": {"a=b,c=d\r\n e- "}},
			`{"mode":"add","set":{"a":"b","c":"d"},"remove":["e"],"overwrite":true}`,
		},
		"keep what is there": {
			"label", form.Fields{"label": {"a=b"}, "overwrite": {"0"}}, `{"mode":"add","set":{"a":"b"},"overwrite":false}`,
		},
		"remove labels": {
			"label",
			form.Fields{"mode": {"remove"}, "label": {"a", "b-", "a"}},
			`{"mode":"remove","remove":["a","b"],"overwrite":true}`,
		},
		"the same twice": {
			"label", form.Fields{"label": {"a=b", "a=b"}}, `{"mode":"add","set":{"a":"b"},"overwrite":true}`,
		},
		"do not overwrite": {
			"label", form.Fields{"label": {"a=b"}, "overwrite": {"false"}}, `{"mode":"add","set":{"a":"b"},"overwrite":false}`,
		},
		"overwrite or not": {
			"label", form.Fields{"label": {"a=b"}, "overwrite": {"perhaps"}}, "overwrite: error_flag",
		},
		"too many labels": {
			"label", form.Fields{"label": {strings.Repeat("a=b,", 101)}}, "label: error_entries_many",
		},
		"too many taints": {
			"taint", form.Fields{"taint": {strings.Repeat("a:NoSchedule,", 101)}}, "taint: error_entries_many",
		},
		"keep taints": {
			"taint",
			form.Fields{"taint": {"a=b:NoSchedule"}, "overwrite": {"0"}},
			`{"mode":"add","keep":true,"set":[{"key":"a","value":"b","effect":"NoSchedule"}]}`,
		},
		"overwrite taints, or not": {
			"taint", form.Fields{"taint": {"a=b:NoSchedule"}, "overwrite": {"2"}}, "overwrite: error_flag",
		},
		"the same taint twice": {
			"taint",
			form.Fields{"taint": {"a=b:NoSchedule", "a=b:NoSchedule"}},
			`{"mode":"add","set":[{"key":"a","value":"b","effect":"NoSchedule"}]}`,
		},
		"one effect, then all": {
			"taint", form.Fields{"taint": {"a:NoSchedule-", "a-"}}, `{"mode":"add","remove":[{"key":"a","effect":""}]}`,
		},
		"all effects, then one": {
			"taint", form.Fields{"taint": {"a-", "a:NoSchedule-"}}, `{"mode":"add","remove":[{"key":"a","effect":""}]}`,
		},
		"copy what is not there": {
			"copy-taints",
			form.Fields{"source": {"n1"}, "mode": {"merge"}, "overwrite": {"0"}},
			`{"source":"n1","mode":"merge","keep":true}`,
		},
		"undo, forced or not": {"undo", form.Fields{"undo_of": {"b1"}, "force": {"perhaps"}}, "force: error_flag"},
		"a pod's UID": {
			"delete-pod", form.Fields{"pod": {"a/b"}, "node": {"n"}, "uid": {strings.Repeat("a", 64)}}, "uid: error_pod_uid",
		},
		"two values":      {"label", form.Fields{"label": {"a=b", "a=c"}}, "label: error_entry_twice"},
		"set and removed": {"label", form.Fields{"label": {"a=b", "a-"}}, "label: error_entry_twice"},
		"removed and set": {"label", form.Fields{"label": {"a-", "a=b"}}, "label: error_entry_twice"},
		"no label":        {"label", form.Fields{"label": {" , "}}, "label: error_labels_none"},
		"mode":            {"label", form.Fields{"mode": {"merge"}, "label": {"a=b"}}, "mode: error_choice"},
		"bare label":      {"label", form.Fields{"label": {"a"}}, "label: error_entry_bare_label"},
		"removal with a value": {
			"label", form.Fields{"mode": {"remove"}, "label": {"a=b"}}, "label: error_entry_remove_value",
		},
		"replacement with a minus": {
			"label", form.Fields{"mode": {"replace"}, "label": {"a-"}}, "label: error_entry_replace_minus",
		},
		"bad key":   {"label", form.Fields{"label": {"-a=b"}}, "label: error_entry_key"},
		"no key":    {"label", form.Fields{"label": {"=b"}}, "label: error_entry_key"},
		"bad value": {"label", form.Fields{"label": {"a=b?"}}, "label: error_entry_value"},
		"long value": {
			"label", form.Fields{"label": {"a=" + strings.Repeat("b", 64)}}, "label: error_entry_value",
		},
		"template": {
			"label",
			form.Fields{"template": {"3"}, "value.a": {"b"}, "mode": {"replace"}},
			`{"mode":"replace","overwrite":true,"template":{"id":3,"name":"","values":{"a":"b"}}}`,
		},
		"template that is no number": {"label", form.Fields{"template": {"x"}}, "template: error_template_id"},
		"template to remove": {
			"taint", form.Fields{"template": {"3"}, "mode": {"remove"}}, "mode: error_template_mode",
		},
		"taints": {
			"taint",
			form.Fields{"taint": {"a=b:NoSchedule,c:NoExecute"}},
			`{"mode":"add","set":[{"key":"a","value":"b","effect":"NoSchedule"},{"key":"c","effect":"NoExecute"}]}`,
		},
		"taints to remove": {
			"taint",
			form.Fields{"taint": {"a:NoSchedule-", "b-"}},
			`{"mode":"add","remove":[{"key":"a","effect":"NoSchedule"},{"key":"b","effect":""}]}`,
		},
		"taints to remove, by mode": {
			"taint",
			form.Fields{"mode": {"remove"}, "taint": {"a:NoSchedule", "b", "c:NoExecute-"}},
			`{"mode":"remove","remove":[{"key":"a","effect":"NoSchedule"},{"key":"b","effect":""},{"key":"c",` +
				`"effect":"NoExecute"}]}`,
		},
		"taint removed twice": {
			"taint",
			form.Fields{"taint": {"a:NoSchedule-", "a:NoSchedule-"}},
			`{"mode":"add","remove":[{"key":"a","effect":"NoSchedule"}]}`,
		},
		"label removed twice": {
			"label", form.Fields{"label": {"a-,a-"}}, `{"mode":"add","remove":["a"],"overwrite":true}`,
		},
		"a key of two effects": {
			"taint",
			form.Fields{"taint": {"a:NoSchedule", "a=b:NoExecute"}},
			`{"mode":"add","set":[{"key":"a","effect":"NoSchedule"},{"key":"a","value":"b","effect":"NoExecute"}]}`,
		},
		"taint of two values": {
			"taint", form.Fields{"taint": {"a=b:NoSchedule", "a=c:NoSchedule"}}, "taint: error_entry_twice",
		},
		"taint set and its key gone": {"taint", form.Fields{"taint": {"a=b:NoSchedule", "a-"}}, "taint: error_entry_twice"},
		"effect":                     {"taint", form.Fields{"taint": {"a=b:Never"}}, "taint: error_entry_effect"},
		"taint without an effect":    {"taint", form.Fields{"taint": {"a=b"}}, "taint: error_entry_effect"},
		"bare taint":                 {"taint", form.Fields{"taint": {"a"}}, "taint: error_entry_bare_taint"},
		"no taint":                   {"taint", nil, "taint: error_taints_none"},
		"taint to remove, with value": {
			"taint", form.Fields{"mode": {"remove"}, "taint": {"a=b:NoSchedule"}}, "taint: error_entry_remove_value",
		},
		"copy":                  {"copy-taints", form.Fields{"source": {"n1"}}, `{"source":"n1","mode":"replace"}`},
		"copy without a source": {"copy-taints", nil, "source: error_source_missing"},
		"copy from no name":     {"copy-taints", form.Fields{"source": {"N 1"}}, "source: error_node_name"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Find(c.operation)
			require.NoError(t, err)
			params, err := d.Read(c.form)
			if !strings.HasPrefix(c.want, "{") {
				e := services.AsError(err)
				require.Equal(t, services.CodeInvalid, e.Code)
				require.Equal(t, c.want, e.Fields[0].Field+": "+e.Fields[0].Text)
				return
			}
			require.NoError(t, err)
			raw, err := params.Encode()
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(raw))
			again, err := d.Decode(raw)
			require.NoError(t, err)
			encoded, err := again.Encode()
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(encoded))
		})
	}
}

func FuzzEntries(f *testing.F) {
	for _, seed := range []string{
		"a=b", "a=b,c=d", "k=v:NoSchedule", "k:NoExecute-", "k-", "k", "=", ":", "-", "a/b/c=d", "é=ü:NoSchedule",
		"a=b:NoSchedule:NoExecute", "k=v-", "\x00", "a==b",
	} {
		f.Add(seed, "add")
		f.Add(seed, "remove")
		f.Add(seed, "replace")
	}
	protect := protection(f)
	f.Fuzz(func(t *testing.T, text, mode string) {
		n := &node.Node{
			Labels: map[string]string{"a": "b"}, Taints: []node.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}},
		}
		for _, name := range []string{"label", "taint", "copy-taints"} {
			d, err := Find(name)
			require.NoError(t, err)
			params, err := d.Read(form.Fields{"mode": {mode}, "label": {text}, "taint": {text}, "source": {text}})
			if err != nil {
				require.Equal(t, services.CodeInvalid, services.CodeOf(err))
				require.NotEmpty(t, services.AsError(err).Fields)
				continue
			}
			_, err = params.Encode()
			require.NoError(t, err)
			for id, taint := range params.Make(Meta{Protect: protect}).Plan(n).After.Taints {
				require.True(t, taint == nil || taint.ID() == id)
			}
		}
	})
}
