// Package fleet describes simulated clusters: their nodes and workloads. It only
// returns the objects; the caller creates them in a cluster. It returns the same
// objects for the same options.
package fleet

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Options describe all clusters of a plane. Each is a flag. If a list is shorter than
// the number of clusters, its last value applies to the remaining clusters.
type Options struct {
	Count     int    // Number of clusters; 0 means one for each name.
	Names     List   // Names of the clusters and of their contexts.
	Nodes     Counts // Nodes of each cluster.
	NotReady  Counts // Nodes without a kubelet in each cluster.
	Cordoned  Counts // Cordoned nodes in each cluster.
	Pools     List
	Zones     List
	Region    string
	Workloads bool
}

// Flags declares the options as flags in set and sets their defaults.
func (o *Options) Flags(set *flag.FlagSet) {
	o.Nodes, o.NotReady, o.Cordoned = Counts{12}, Counts{0}, Counts{0}
	o.Pools, o.Zones = List{"general", "compute", "gpu"}, List{"a", "b", "c"}
	set.IntVar(&o.Count, "clusters", 0, "`number` of clusters (default one per name, or 1)")
	set.Var(&o.Names, "names", "`names` of the clusters and their contexts (default devcluster, or dev-1,dev-2...)")
	set.Var(&o.Nodes, "nodes", "simulated nodes, one `number` per cluster")
	set.Var(&o.NotReady, "not-ready", "nodes without a kubelet, one `number` per cluster")
	set.Var(&o.Cordoned, "cordoned", "cordoned nodes, one `number` per cluster")
	set.Var(&o.Pools, "pools", "node `pools`")
	set.Var(&o.Zones, "zones", "`zones` of the region")
	set.StringVar(&o.Region, "region", "eu-central-1", "`region` of the nodes")
	set.BoolVar(&o.Workloads, "workloads", false,
		"run Deployments, a StatefulSet, DaemonSets, a Job and a bare pod, with budgets")
}

// Clusters checks the options and returns the clusters. The error names every wrong
// option.
func (o *Options) Clusters() ([]Cluster, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var clusters []Cluster
	for i, name := range o.names() {
		clusters = append(clusters, Cluster{
			Name: name, Index: i,
			Nodes: o.Nodes.at(i), NotReady: o.NotReady.at(i), Cordoned: o.Cordoned.at(i),
			Pools: o.Pools, Zones: o.Zones, Region: o.Region, Workloads: o.Workloads,
		})
	}
	return clusters, nil
}

func (o *Options) check() error {
	var errs []error
	if o.Count < 0 || (len(o.Names) > 0 && o.Count > 0 && o.Count != len(o.Names)) {
		errs = append(errs, fmt.Errorf("--clusters %d does not fit --names %s", o.Count, o.Names.String()))
	}
	if len(o.Pools) == 0 || len(o.Zones) == 0 {
		errs = append(errs, errors.New("--pools and --zones need at least one name each"))
	}
	for _, name := range slices.Concat(o.Names, o.Pools, o.Zones) {
		problems := validation.IsDNS1123Label(name)
		if len(problems) > 0 {
			errs = append(errs, fmt.Errorf("name %q: %s", name, problems[0]))
		}
	}
	sorted := slices.Sorted(slices.Values(o.Names))
	if len(slices.Compact(sorted)) < len(o.Names) {
		errs = append(errs, errors.New("--names must differ"))
	}
	return errors.Join(errs...)
}

func (o *Options) names() []string {
	if len(o.Names) > 0 {
		return o.Names
	}
	if o.Count <= 1 {
		return []string{"devcluster"}
	}
	var names []string
	for i := range o.Count {
		names = append(names, "dev-"+strconv.Itoa(i+1))
	}
	return names
}

// List is a flag of the form "a,b,c".
type List []string

// String joins the values with commas.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set parses the value of a flag. An empty value is an empty list.
func (l *List) Set(value string) error {
	*l = nil
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// Counts is a flag of the form "60,12": a number from 0 for each cluster.
type Counts []int

// String joins the values with commas.
func (c *Counts) String() string {
	var values []string
	for _, n := range *c {
		values = append(values, strconv.Itoa(n))
	}
	return strings.Join(values, ",")
}

// Set parses the value of a flag.
func (c *Counts) Set(value string) error {
	var counts Counts
	for item := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number from 0", item)
		}
		counts = append(counts, n)
	}
	*c = counts
	return nil
}

func (c Counts) at(i int) int {
	if len(c) == 0 {
		return 0
	}
	return c[min(i, len(c)-1)]
}
