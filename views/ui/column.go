package ui

import (
	"encoding/csv"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Column is one column of a list: of its table, of its CSV, or of both.
type Column[T any] struct {
	Title  string // message id of the heading
	Class  string // of the heading, "" for none
	Silent bool   // the heading is only for screen readers

	Sort  string          // key of the order by this column; "" where the list cannot be sorted by it
	Large bool            // the first click on the heading puts the largest first
	Room  templ.Component // keeps the column as wide on every page; nil where that is not needed

	Cell  func(item T) templ.Component // its <td>; nil where the table has no such column
	CSV   string                       // its name in the CSV; "" where the CSV has no such column
	Value func(item T) string          // of its CSV
}

// CellAt returns the cell of a column that shows how long ago something was.
func CellAt[T any](now time.Time, cell func(item T, now time.Time) templ.Component) func(T) templ.Component {
	return func(item T) templ.Component { return cell(item, now) }
}

// flushEvery is how many records of a CSV are handed over at once.
const flushEvery = 500

// WriteCSV writes the header and a record for each item. It returns the error that
// ends items; a failing write only means that the reader has gone.
func WriteCSV[T any](w io.Writer, columns []Column[T], items iter.Seq2[T, error]) error {
	out := csv.NewWriter(w)
	_ = out.Write(csvHeader(columns))
	written := 0
	for item, err := range items {
		if err != nil {
			return err
		}
		_ = out.Write(csvRecord(columns, item))
		written++
		if written%flushEvery == 0 {
			out.Flush()
		}
	}
	out.Flush()
	return nil
}

func csvHeader[T any](columns []Column[T]) []string {
	var names []string
	for _, c := range columns {
		if c.CSV != "" {
			names = append(names, c.CSV)
		}
	}
	return names
}

func csvRecord[T any](columns []Column[T], item T) []string {
	var cells []string
	for _, c := range columns {
		if c.CSV != "" {
			cells = append(cells, harmless(c.Value(item)))
		}
	}
	return cells
}

// harmless keeps a spreadsheet from reading a cell as a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
