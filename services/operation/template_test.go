package operation

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// shelf is a set of templates.
type shelf map[int64]Template

func (s shelf) Template(_ context.Context, kind string, id int64, _ string) (Template, error) {
	if t, ok := s[id]; ok && t.Kind == kind {
		return t, nil
	}
	return Template{}, services.Invalid("template", "error_template_unknown")
}

func TestTemplate_isResolvedOnceForTheBatch(t *testing.T) {
	templates := shelf{
		1: {
			ID: 1, Kind: LabelTemplate, Name: "pool",
			Entries: []TemplateEntry{{Key: "tier", Values: []string{"gold", "silver"}}, {Key: "spare", Values: []string{""}}},
		},
		2: {
			ID: 2, Kind: TaintTemplate, Name: "gpu",
			Entries: []TemplateEntry{
				{Key: "gpu", Effect: "NoSchedule", Values: []string{"a", "b"}},
				{Key: "gpu", Effect: "NoExecute", Values: []string{"a", "b"}},
			},
		},
	}
	for name, c := range map[string]struct {
		operation string
		form      form.Fields
		want      string
	}{
		"first values": {
			"label",
			form.Fields{"template": {"1"}},
			`{"mode":"add","set":{"spare":"","tier":"gold"},"overwrite":true,"template":{"id":1,"name":"pool",` +
				`"values":{"spare":"","tier":"gold"}}}`,
		},
		"chosen": {
			"label",
			form.Fields{"template": {"1"}, "value.tier": {"silver"}},
			`{"mode":"add","set":{"spare":"","tier":"silver"},"overwrite":true,"template":{"id":1,"name":"pool",` +
				`"values":{"spare":"","tier":"silver"}}}`,
		},
		"not a choice": {
			"label", form.Fields{"template": {"1"}, "value.tier": {"tin"}}, "value.tier: error_template_value",
		},
		"of another kind": {"taint", form.Fields{"template": {"1"}}, "template: error_template_unknown"},
		"by key": {
			"taint",
			form.Fields{"template": {"2"}, "value.gpu": {"b"}},
			`{"mode":"add","set":[{"key":"gpu","value":"b","effect":"NoSchedule"},{"key":"gpu","value":"b",` +
				`"effect":"NoExecute"}],"template":{"id":2,"name":"gpu","values":{"gpu:NoExecute":"b","gpu:NoSchedule":"b"}}}`,
		},
		"by key and effect": {
			"taint",
			form.Fields{"template": {"2"}, "value.gpu:NoExecute": {"b"}},
			`{"mode":"add","set":[{"key":"gpu","value":"a","effect":"NoSchedule"},{"key":"gpu","value":"b",` +
				`"effect":"NoExecute"}],"template":{"id":2,"name":"gpu","values":{"gpu:NoExecute":"b","gpu:NoSchedule":"a"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Find(c.operation)
			require.NoError(t, err)
			params, err := d.Read(c.form)
			require.NoError(t, err)
			params, err = params.Resolve(t.Context(), Sources{Cluster: "prod", Templates: templates})
			if !strings.HasPrefix(c.want, "{") {
				e := services.AsError(err)
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
			require.NotEmpty(t, TemplateOf(params).Name)
		})
	}
}
