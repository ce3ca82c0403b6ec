package kube

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
)

const (
	// singleReads is up to how many nodes are read one by one; more are listed.
	singleReads = 10
	// firstPause and lastPause are the first and the longest pause after a failed
	// attempt to follow nodes; see NewBackoff.
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Converging is a set of nodes for which the control plane has not yet finished
// its own changes: see [Converged]. It is safe for concurrent use.
type Converging struct {
	mu sync.Mutex
	// versions holds, by node name, the resource version of the last known state
	// of the node. It is "" for a node that must be read first.
	versions map[string]string
}

// NewConverging returns an empty set.
func NewConverging() *Converging { return &Converging{versions: map[string]string{}} }

// Note adds a node that has to converge after the given resource version. If the
// node is in the set already, the later version counts, since an earlier state
// does not show what was written after it.
func (c *Converging) Note(name, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.versions[name]
	if known == "" || !Older(version, known) {
		c.versions[name] = version
	}
}

// Take adds all nodes of another set.
func (c *Converging) Take(from *Converging) {
	for name, version := range from.copy() {
		c.Note(name, version)
	}
}

// see records the state of a node. If the node is deleted or has converged, it
// removes the node and reports whether the node was in the set.
func (c *Converging) see(n *corev1.Node, deleted bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	version, waited := c.versions[n.Name]
	if !waited || Older(n.ResourceVersion, version) {
		return false
	}
	if !deleted && !Converged(n) {
		c.versions[n.Name] = n.ResourceVersion
		return false
	}
	delete(c.versions, n.Name)
	return true
}

func (c *Converging) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.versions, name)
}

// Len returns the number of nodes in the set.
func (c *Converging) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.versions)
}

func (c *Converging) copy() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.versions)
}

// forgetVersions makes the next attempt read every node again.
func (c *Converging) forgetVersions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.versions {
		c.versions[name] = ""
	}
}

// Follow returns when the set is empty or ctx ends. It calls progressed each time
// nodes have left the set. It watches the nodes from their known versions, which
// costs the API server one watch and no reads.
func (c *Converging) Follow(ctx context.Context, client *Client, progressed func()) {
	pauses := NewBackoff(firstPause, lastPause)
	for c.Len() > 0 {
		if c.read(ctx, client, progressed) == nil && c.watch(ctx, client, progressed) == nil {
			continue
		}
		if Sleep(ctx, pauses.Step()) != nil {
			return
		}
		c.forgetVersions()
	}
}

// read reads the nodes whose version is unknown.
func (c *Converging) read(ctx context.Context, client *Client, progressed func()) error {
	var unread []string
	for name, version := range c.copy() {
		if version == "" {
			unread = append(unread, name)
		}
	}
	before := c.Len()
	var err error
	if len(unread) > singleReads {
		err = c.list(ctx, client, unread)
	} else {
		err = c.get(ctx, client, unread)
	}
	if c.Len() < before {
		progressed()
	}
	return err
}

func (c *Converging) get(ctx context.Context, client *Client, names []string) error {
	for _, name := range names {
		n, err := client.GetNode(ctx, name)
		switch {
		case services.CodeOf(err) == services.CodeNotFound:
			c.drop(name)
		case err != nil:
			return err
		default:
			c.see(n, false)
		}
	}
	return nil
}

func (c *Converging) list(ctx context.Context, client *Client, names []string) error {
	nodes, _, err := client.ListNodes(ctx)
	if err != nil {
		return err
	}
	found := make(map[string]bool, len(nodes))
	for i := range nodes {
		found[nodes[i].Name] = true
		c.see(&nodes[i], false)
	}
	for _, name := range names {
		if !found[name] {
			c.drop(name)
		}
	}
	return nil
}

// watch follows the nodes from the earliest known version, until all of them have
// converged.
func (c *Converging) watch(ctx context.Context, client *Client, progressed func()) error {
	waiting := c.copy()
	if len(waiting) == 0 {
		return nil
	}
	only := ""
	if len(waiting) == 1 {
		only = slices.Collect(maps.Keys(waiting))[0]
	}
	return client.FollowNodes(ctx, only, earliest(waiting), func(n *corev1.Node, deleted bool) bool {
		if c.see(n, deleted) {
			progressed()
		}
		return c.Len() == 0
	})
}

// earliest returns the oldest of the versions.
func earliest(versions map[string]string) string {
	first := ""
	for _, version := range versions {
		if first == "" || Older(version, first) {
			first = version
		}
	}
	return first
}
