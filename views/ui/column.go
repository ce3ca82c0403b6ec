package ui

import (
	"context"
	"encoding/csv"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Column is one column of a list: of its table, of its CSV, or of both.
type Column[T any] struct {
	Key    string // by which people choose the column; "" if they cannot
	Title  string // message id of the heading
	Name   string // the heading itself, of a column that has no message
	Class  string // of the heading, "" for none
	Hidden bool   // only screen readers get the heading

	Sort         string          // key of the order by this column; "" when the list cannot be sorted by it
	LargestFirst bool            // the first click on the heading sorts in descending order
	Spacer       templ.Component // invisible; keeps the column equally wide on every page; may be nil

	Cell  func(item T) templ.Component // a <td>; nil when the table has no such column
	CSV   string                       // name in the CSV; "" when the CSV has no such column
	Value func(item T) string          // in the CSV
}

// CellAt returns a function for Column.Cell from one that also takes the current
// time.
func CellAt[T any](now time.Time, cell func(item T, now time.Time) templ.Component) func(T) templ.Component {
	return func(item T) templ.Component { return cell(item, now) }
}

// headingText returns the heading of a column.
func headingText[Item any](ctx context.Context, c Column[Item]) string {
	if c.Name != "" {
		return c.Name
	}
	return T(ctx, c.Title)
}

// flushEvery is the number of records after which a CSV is flushed.
const flushEvery = 500

// WriteCSV writes the header and a record for each item. It returns the error of
// items, if any. Failing writes are ignored: the reader has gone.
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

// harmless quotes a cell that a spreadsheet would read as a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
