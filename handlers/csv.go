package handlers

import (
	"fmt"
	"iter"
	"net/http"

	"kube-node-manager/views/ui"
)

// writeCSV answers a list as a file of CSV.
func writeCSV[T any](w http.ResponseWriter, name string, columns []ui.Column[T], items iter.Seq2[T, error]) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.csv"`, name))
	w.Header().Set("Cache-Control", "no-store")
	if err := ui.WriteCSV(w, columns, items); err != nil {
		// What has gone out cannot be taken back; a connection that breaks
		// off tells the reader that this is not all.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// listed returns the items of a slice, which no error ends.
func listed[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
