package ui_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views/ui"
)

func TestWriteCSV(t *testing.T) {
	columns := []ui.Column[string]{
		{CSV: "text", Value: func(s string) string { return s }},
		{Title: "col_name"}, // of the table alone
		{CSV: "twice", Value: func(s string) string { return s + s }},
	}
	torn := errors.New("torn")
	items := func(end error, texts ...string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for _, text := range texts {
				if !yield(text, nil) {
					return
				}
			}
			if end != nil {
				yield("", end)
			}
		}
	}
	var out strings.Builder
	require.NoError(t, ui.WriteCSV(&out, columns, items(nil, "a", "=1+1", `q"`, "-x", "@x", "\tx", "+x")))
	require.Equal(t, "text,twice\na,aa\n'=1+1,'=1+1=1+1\n\"q\"\"\",\"q\"\"q\"\"\"\n"+
		"'-x,'-x-x\n'@x,'@x@x\n'\tx,'\tx\tx\n'+x,'+x+x\n",
		out.String(), "no cell is a formula")
	require.ErrorIs(t, ui.WriteCSV(&out, columns, items(torn, "a")), torn)
}
