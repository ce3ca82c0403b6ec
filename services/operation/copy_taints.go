package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// copyParams are what a copy of taints was asked for. What the source had when
// it was read, once, is what every node gets.
type copyParams struct {
	Source string       `json:"source"`
	Mode   string       `json:"mode"`
	Keep   bool         `json:"keep,omitempty"`   // refuse where the key and effect have another value
	Taints []node.Taint `json:"taints,omitempty"` // of the source
}

func copyTaintsDefinition() Definition {
	return Definition{
		Name:     "copy-taints",
		Permit:   services.PermitChange,
		CacheLog: func(bool) string { return "taint copy" },
		Parse:    parseCopy,
		Resolve:  resolveCopy,
		New: func(params json.RawMessage, m Meta) (Operation, error) {
			var p copyParams
			err := json.Unmarshal(params, &p)
			return newCopying(p, m.Protect), err
		},
	}
}

func parseCopy(form url.Values) (json.RawMessage, error) {
	p := copyParams{Source: form.Get("source")}
	var err error
	if p.Mode, err = parseMode(form, ModeReplace, ModeMerge); err != nil {
		return nil, err
	}
	overwrite, err := parseFlag(form, "overwrite", true)
	if err != nil {
		return nil, err
	}
	p.Keep = !overwrite
	switch {
	case p.Source == "":
		return nil, services.Invalid("source", "error_source_missing")
	case len(validation.IsDNS1123Subdomain(p.Source)) > 0:
		return nil, services.Invalid("source", "error_node_name", "Name", clip(p.Source))
	}
	return json.Marshal(p)
}

// resolveCopy reads the source.
func resolveCopy(ctx context.Context, from Sources, params json.RawMessage) (json.RawMessage, error) {
	var p copyParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, err
	}
	source, err := from.Nodes.GetNode(ctx, p.Source)
	if services.CodeOf(err) == services.CodeNotFound {
		return nil, services.Invalid("source", "error_source_unknown", "Name", p.Source, "Cluster", from.Cluster)
	}
	if err != nil {
		return nil, fmt.Errorf("read the source %s: %w", p.Source, err)
	}
	p.Taints = node.FromKube(source).Taints
	for i := range p.Taints {
		p.Taints[i].TimeAdded = nil // since when it is on the source says nothing of another node
	}
	return json.Marshal(p)
}

// Copying is a copy of one node's taints to others.
type Copying struct {
	tainting
	Source string
	Taints []node.Taint // that are copied
	Left   []node.Taint // protected ones, which stay behind
}

// newCopying makes the copy a setting of taints like any other.
func newCopying(p copyParams, protect Protection) Copying {
	c := Copying{Source: p.Source, tainting: tainting{protect: protect}}
	for _, t := range p.Taints {
		if protect.Taint(t) {
			c.Left = append(c.Left, t)
		} else {
			c.Taints = append(c.Taints, t)
		}
	}
	c.taintParams = taintParams{Mode: ModeAdd, Set: c.Taints, Keep: p.Keep}
	if p.Mode == ModeReplace {
		c.Mode = ModeReplace
	}
	return c
}
