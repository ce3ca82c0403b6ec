// Package fleet describes simulated clusters: which nodes they have and which
// workloads run on them. It only makes objects; creating them is the caller's
// work. The same options always give the same objects.
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

// Options describe all clusters of a plane, as flags do. A list that is
// shorter than the number of clusters repeats its last value.
type Options struct {
	Count     int    // Number of clusters; 0 means one per name.
	Names     List   // Context names.
	Nodes     Counts // Nodes per cluster.
	NotReady  Counts // Nodes per cluster whose kubelet is gone.
	Cordoned  Counts // Nodes per cluster that are unschedulable.
	Pools     List
	Zones     List
	Region    string
	Workloads bool
}

// Flags declares the options in set and gives them their defaults.
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
	set.BoolVar(&o.Workloads, "workloads", false, "run Deployments, a StatefulSet, DaemonSets, a Job and a bare pod, with budgets")
}

// Clusters checks the options and describes each cluster. The error names
// every wrong option.
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
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("name %q: %s", name, problems[0]))
		}
	}
	if sorted := slices.Sorted(slices.Values(o.Names)); len(slices.Compact(sorted)) < len(o.Names) {
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

// Set splits the value of a flag; an empty value is an empty list.
func (l *List) Set(value string) error {
	*l = nil
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// Counts is a flag of the form "60,12": numbers from 0, one per cluster.
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
