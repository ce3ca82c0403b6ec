package node

import "time"

// Query is the page, filters and order of the node table. The zero value is the
// first page of all nodes by name.
type Query struct {
	Text       string // words, or a list of names: see newSearch
	Status     string // StatusReady, StatusNotReady, StatusUnknown, StatusNoContact or ""
	Scheduling string // Schedulable, Limited, Cordoned or ""
	Role       string
	Pool       string   // NoValue for the nodes without a pool
	Zone       string   // NoValue for the nodes without a zone
	Version    string   // of the kubelet
	Condition  string   // the type of a condition in its bad state, or of one of the lifecycle that holds
	Label      string   // key or key=value
	Taint      string   // key, key=value or with :Effect
	Clusters   []string // of a list over clusters: only these; none for all
	Group      string   // one of Groupings, or GroupLabel and a key; "" for no groups
	In         string   // only the group with this key
	Fold       string   // keys of the folded groups with commas between; see FoldAll
	Cols       string   // keys of the columns with commas between; "" is what the reader has chosen
	Sort       string   // one of SortKeys; "" is name
	Desc       bool
	Page       int // from 1; 0 is 1
	Size       int // one of PageSizes; 0 is the first
	Fresh      bool
	Apply      string // "{kind}-{id}" of the template for which nodes are selected; not a filter, only kept in links
}

// NoValue is a filter for the nodes that have no pool or no zone. It cannot be the value
// of a label.
const NoValue = "-"

// PageSizes returns the page sizes that the table offers.
func PageSizes() []int { return []int{50, 100, 200} }

// Page is one page of the table, with the counts and the summary.
type Page struct {
	Query        Query // with its defaults filled in
	Nodes        []*Node
	Groups       []Group   // of all nodes that match; nil if the table is not grouped
	Sections     []Section // those of the page; nil if the table is not grouped
	Before       int       // nodes on the pages before
	Usage        Usages    // nil while it is unknown
	InUse        InUse
	Total        int // nodes in the cluster
	Match        int // nodes that match the filters
	Pages        int
	UnknownNames []string // names of a pasted list that no node has
	Summary      Summary
	AsOf         time.Time // when the nodes were so
	Polled       bool      // what others change shows late; see Service.Polled
	Stale        error     // why the last refresh failed; nil if it did not
	Readings     []Reading // of a list over clusters: one for each

	matched []*Node // all of Match
}

// Summary counts the nodes of the whole cluster, regardless of filters. Every node
// is in exactly one of the four counts: that of its worst state.
type Summary struct {
	Ready        int // ready and schedulable
	Limited      int
	Cordoned     int
	NotReady     int // NotReady or Unknown
	OldestCordon *time.Time
	Roles        []string // of any node, sorted
	Versions     []string // of any node, newest first
	Zones        []string
	Pools        []string
	Conditions   []string // types of any node: its problems, and those of its lifecycle
	LongestName  string   // of a node; the table reserves its width on every page
}
