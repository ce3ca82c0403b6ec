package operation

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
)

// CopyParams are what a copy of taints was asked for. What the source had when
// it was read, once, is what every node gets.
type CopyParams struct {
	Source string       `json:"source"`
	Mode   string       `json:"mode"`
	Keep   bool         `json:"keep,omitempty"`   // refuse where the key and effect have another value
	Taints []node.Taint `json:"taints,omitempty"` // of the source
}

func copyTaintsDefinition() Definition {
	return Define(Spec[CopyParams]{
		Traits: Traits{
			Name: CopyTaints, Permit: services.PermitChange, Page: PageCopy,
			Fields:   []string{"mode", "overwrite", "source"},
			CacheLog: func(bool) string { return "taint copy" },
		},
		Read:    readCopy,
		Resolve: resolveCopy,
		Make:    func(p CopyParams, m Meta) Operation { return newCopying(p, m.Protect) },
	})
}

func readCopy(r *form.Reader) CopyParams {
	p := CopyParams{
		Source: r.Text("source"), Mode: r.Choice("mode", ModeReplace, ModeMerge), Keep: !r.Flag("overwrite", true),
	}
	switch {
	case p.Source == "":
		r.Refuse("source", "error_source_missing")
	case len(validation.IsDNS1123Subdomain(p.Source)) > 0:
		r.Refuse("source", "error_node_name", "Name", services.Clip(p.Source))
	}
	return p
}

// resolveCopy reads the source.
func resolveCopy(ctx context.Context, from Sources, p CopyParams) (CopyParams, error) {
	source, err := from.Nodes.GetNode(ctx, p.Source)
	if services.CodeOf(err) == services.CodeNotFound {
		return p, services.Invalid("source", "error_source_unknown", "Name", p.Source, "Cluster", from.Cluster)
	}
	if err != nil {
		return p, fmt.Errorf("read the source %s: %w", p.Source, err)
	}
	p.Taints = node.FromKube(source).Taints
	for i := range p.Taints {
		p.Taints[i].TimeAdded = nil // since when it is on the source says nothing of another node
	}
	return p, nil
}

// newCopying returns the copy as a setting of taints like any other. Protected
// taints of the source are left out.
func newCopying(p CopyParams, protect Protection) Operation {
	t := tainting{protect: protect, TaintParams: TaintParams{Mode: ModeAdd, Keep: p.Keep}}
	t.Set, _ = protect.Split(p.Taints)
	if p.Mode == ModeReplace {
		t.Mode = ModeReplace
	}
	return t
}
