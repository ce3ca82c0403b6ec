package kube

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"kube-node-manager/services"
)

const (
	// singleReads is up to how many nodes are read one by one; more are listed.
	singleReads = 10
	// firstLook and lastLook bound the growing pause between two attempts to
	// follow nodes when the API server does not let us watch.
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

// Converging is the set of nodes that the control plane has not yet brought in
// line with what was written: see [Converged]. Its methods may be called from
// any goroutine.
type Converging struct {
	mu sync.Mutex
	// versions are resource versions by node: the state in which we saw the node
	// last. It is "" for a node that has to be read first.
	versions map[string]string
}

// NewConverging returns an empty set.
func NewConverging() *Converging { return &Converging{versions: map[string]string{}} }

// Note takes in a node that has to converge from that version on. Of two
// versions of one node the later counts: an earlier state says nothing of what
// was written after it.
func (c *Converging) Note(name, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.versions[name]; known == "" || !older(version, known) {
		c.versions[name] = version
	}
}

// Take moves all nodes of another set into this one.
func (c *Converging) Take(from *Converging) {
	for name, version := range from.copy() {
		c.Note(name, version)
	}
}

// see drops a node that is deleted or has converged, and reports whether it was
// in the set until now.
func (c *Converging) see(n *corev1.Node, deleted bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	version, waited := c.versions[n.Name]
	if !waited || older(n.ResourceVersion, version) {
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

// Len returns how many nodes are in the set.
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

// forgetVersions makes every node be read again.
func (c *Converging) forgetVersions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.versions {
		c.versions[name] = ""
	}
}

// Follow returns when the set is empty or ctx ends. It calls progressed each
// time that nodes have left the set. Nodes of which a version is known are
// watched from there on, which costs the API server one watch and no read.
func (c *Converging) Follow(ctx context.Context, client *Client, progressed func()) {
	for wait := firstLook; c.Len() > 0; wait = min(2*wait, lastLook) {
		if c.read(ctx, client, progressed) == nil && c.watch(ctx, client, progressed) == nil {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		c.forgetVersions()
	}
}

// read looks at the nodes of which no version is known.
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
	nodes, err := client.ListNodes(ctx)
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

// watch follows the nodes from the earliest version at which one of them was
// seen, until all have converged.
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
		if first == "" || older(version, first) {
			first = version
		}
	}
	return first
}

// older reports whether a is an older resource version of nodes than b. A
// version that is unknown, or not a number, is older than none.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}
