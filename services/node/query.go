package node

import "time"

// Query is what the node table was asked for. The zero value is the first page
// of all nodes by name.
type Query struct {
	Text       string // words, or a list of names: see newSearch
	Status     string // StatusReady, StatusNotReady, StatusUnknown, StatusNoContact or ""
	Scheduling string // Schedulable, Limited, Cordoned or ""
	Role       string
	Label      string // key or key=value
	Taint      string // key, key=value or with :Effect
	Sort       string // one of SortKeys; "" is name
	Desc       bool
	Page       int // from 1; 0 is 1
	Size       int // one of PageSizes; 0 is the first
	Fresh      bool
	Apply      string // "{kind}-{id}" of the template that nodes are chosen for; it filters nothing and goes along
}

// PageSizes are the page sizes that the table offers.
func PageSizes() []int { return []int{50, 100, 200} }

// SortKeys are the columns that the table sorts by.
func SortKeys() []string {
	return []string{"name", "status", "version", "zone", "pool", "age", "cpu", "memory", "pods"}
}

// Page is one page of the table and what stands above it.
type Page struct {
	Query        Query // with its defaults filled in
	Nodes        []*Node
	Usage        map[string]Usage // by node name; nil while the pods are not known
	Total        int              // nodes in the cluster
	Match        int              // nodes that the filters let through
	Pages        int
	UnknownNames []string // of a pasted list of names: those that no node has
	Summary      Summary
	AsOf         time.Time // when the read of the nodes began
	Stale        error     // why the last refresh failed, when it did
}

// Summary counts the whole cluster, whatever the filters say. Every node is in
// exactly one of the four counts; the worst state wins.
type Summary struct {
	Ready        int // ready and schedulable
	Limited      int
	Cordoned     int
	NotReady     int // NotReady or Unknown
	OldestCordon *time.Time
	Roles        []string // that occur, sorted
	Versions     []string // that occur, newest first
	Zones        []string
	Pools        []string
	LongestName  string // of a node: a table keeps room for it on every page
}
