// Queries lists what the dashboard and the alert rules in docs/deploy ask of Prometheus,
// as JSON, after it has checked them as promtool does. A test of the program compares
// the list with the metrics that there are.
//
//	queries ../../docs/deploy/chart/files
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "queries:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("name the directory with the dashboard and the alerts")
	}
	all, err := read(args[0])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// A query is an expression of a panel or an alert.
type query struct {
	Where     string
	Text      string
	Selectors []selector
	Labels    []string // by which it groups
}

// A selector selects series.
type selector struct {
	Metric   string
	Matchers []matcher
}

type matcher struct{ Name, Type, Value string }

// read returns the queries of a directory.
func read(dir string) ([]query, error) {
	rules, err := readAlerts(filepath.Join(dir, "alerts.yaml"))
	if err != nil {
		return nil, err
	}
	panels, err := readDashboard(filepath.Join(dir, "dashboard.json"))
	return append(rules, panels...), err
}

func readAlerts(path string) (all []query, err error) {
	groups, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, newParser(), slog.Default())
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			q, err := parse(rule.Alert, rule.Expr)
			if err != nil {
				return nil, err
			}
			all = append(all, q)
		}
	}
	return all, nil
}

// dashboard is the part of a dashboard of Grafana that has queries.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
}

func readDashboard(path string) (all []query, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// Grafana replaces its variables.
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".+")
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			q, err := parse(panel.Title, variables.Replace(target.Expr))
			if err != nil {
				return nil, err
			}
			all = append(all, q)
		}
	}
	return all, nil
}

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

func parse(where, text string) (query, error) {
	expr, err := newParser().ParseExpr(text)
	if err != nil {
		return query{}, fmt.Errorf("%s: %s: %w", where, text, err)
	}
	q := query{Where: where, Text: text}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			q.Selectors = append(q.Selectors, newSelector(n))
		case *parser.AggregateExpr:
			q.Labels = append(q.Labels, n.Grouping...)
		}
		return nil
	})
	return q, nil
}

func newSelector(v *parser.VectorSelector) selector {
	s := selector{Metric: v.Name}
	for _, m := range v.LabelMatchers {
		if m.Name != model.MetricNameLabel {
			s.Matchers = append(s.Matchers, matcher{Name: m.Name, Type: m.Type.String(), Value: m.Value})
		}
	}
	return s
}
