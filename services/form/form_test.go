package form_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

func TestReader(t *testing.T) {
	r := form.Read(form.Fields{
		"flag": {"ON"}, "number": {" 7 "}, "time": {"1h 30m"}, "bare": {"90"}, "mode": {"remove"},
		"value.a": {"1"}, "value.b": {"2", "3"}, "empty": {},
	})
	require.True(t, r.Flag("flag", false))
	require.True(t, r.Flag("missing", true))
	require.Equal(t, 7, r.Number("number", 1, 0, 10))
	require.Equal(t, 1, r.Number("missing", 1, 5, 10), "a default need not be within the bounds")
	require.Equal(t, 5400, r.Seconds("time", 0, 0, 6000))
	require.Equal(t, 90, r.Seconds("bare", 0, 0, 6000))
	require.Equal(t, "remove", r.Choice("mode", "add", "remove"))
	require.Equal(t, "add", r.Choice("missing", "add", "remove"))
	require.Equal(t, map[string]string{"a": "1", "b": "2"}, r.Prefixed("value."))
	require.Empty(t, r.Text("empty"))
	require.NoError(t, r.Err())
}

func TestReader_namesEveryWrongField(t *testing.T) {
	r := form.Read(form.Fields{
		"flag": {"perhaps"}, "number": {"many"}, "small": {"-1"}, "time": {"soon"}, "long": {"2h"}, "mode": {"merge"},
	})
	require.True(t, r.Flag("flag", true))
	require.Equal(t, 3, r.Number("number", 3, 0, 10))
	require.Equal(t, 3, r.Number("small", 3, 0, 10))
	require.Equal(t, 9, r.Seconds("time", 9, 0, 3600))
	require.Equal(t, 9, r.Seconds("long", 9, 0, 3600))
	require.Equal(t, "add", r.Choice("mode", "add", "remove"))
	r.Refuse("other", "error_text")
	r.RefuseBy(services.Invalid("last", "error_text"))
	r.RefuseBy(nil)
	wrong := map[string]string{}
	for _, f := range services.AsError(r.Err()).Fields {
		wrong[f.Field] = f.Text
	}
	require.Equal(t, map[string]string{
		"flag": "error_flag", "number": "error_number", "small": "error_range", "time": "error_duration",
		"long": "error_range", "mode": "error_choice", "other": "error_text", "last": "error_text",
	}, wrong)
}

func TestFields_With(t *testing.T) {
	f := form.Fields{"a": {"1", "2"}}
	require.Equal(t, form.Fields{"a": {"1", "2"}, "b": {"3"}}, f.With("b", "3"))
	require.Equal(t, form.Fields{"a": {"4"}}, f.With("a", "4"))
	require.Equal(t, form.Fields{"a": {"1", "2"}}, f, "the fields themselves are not changed")
}
