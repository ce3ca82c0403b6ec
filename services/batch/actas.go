package batch

import (
	"context"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// ActAs says in which clusters changes are made in the name of their user, and how the
// clusters call the user.
type ActAs struct {
	In     func(cluster string) bool // nil for none
	Prefix string                    // of the names of users and groups, such as "oidc:"
	Groups []string                  // of the user's groups, only these
}

func (a ActAs) in(cluster string) bool { return a.In != nil && a.In(cluster) }

// context returns the context of changes that an actor makes in a cluster.
func (a ActAs) context(ctx context.Context, cluster string, actor services.Actor) context.Context {
	if !a.in(cluster) {
		return ctx
	}
	p := kube.Person{User: a.Prefix + actor.Name}
	for _, group := range actor.Groups {
		if slices.Contains(a.Groups, group) {
			p.Groups = append(p.Groups, a.Prefix+group)
		}
	}
	return kube.ActingAs(ctx, p)
}

// context returns the context of what a batch does in the name of its sponsor.
func (e *Engine) context(b Batch, s sponsor) (context.Context, error) {
	if !e.options.ActAs.in(b.Cluster) {
		return e.base, nil
	}
	now, err := e.accounts.Standing(e.base, s.id)
	if err != nil {
		return nil, err
	}
	return e.options.ActAs.context(e.base, b.Cluster, now.Actor), nil
}
