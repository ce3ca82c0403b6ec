package batch

import (
	"context"
	"fmt"
	"strings"

	"kube-node-manager/services"
)

// A group is the batches, one for each cluster, that one submission has started. Their
// ids are that of the group with a number in the place of its end: "1k2j-all" is the group
// of "1k2j-01" and "1k2j-02".

// MaxGroup is how many clusters one submission may have.
const MaxGroup = 99

// groupEnd ends the id of a group.
const groupEnd = "-all"

// GroupOf returns the id of the group to which a batch belongs, "" for none.
func GroupOf(id string) string {
	start, _, found := strings.Cut(id, "-")
	if !found {
		return ""
	}
	return start + groupEnd
}

// IsGroup reports whether an id is that of a group.
func IsGroup(id string) bool { return strings.HasSuffix(id, groupEnd) }

// groupPrefix returns how the ids of the batches of a group begin, "" for no group.
func groupPrefix(group string) string { return strings.TrimSuffix(group, "all") }

// memberID returns the id of the batch with a number, from 0, of the group whose first
// batch would have this id alone.
func memberID(id string, number int) string { return fmt.Sprintf("%s-%02d", id, number+1) }

// Group returns those batches of a group that the actor sees, in their order. The id is
// that of the group or of one of its batches; a batch without a group is alone.
//
// Errors: CodeNotFound, CodeForbidden.
func (e *Engine) Group(ctx context.Context, id string) ([]View, error) {
	group := GroupOf(id)
	if group == "" {
		v, err := e.View(ctx, id)
		return []View{v}, err
	}
	ids, err := e.store.BatchIDs(ctx, groupPrefix(group))
	if err != nil {
		return nil, err
	}
	refusal := error(services.NewError(services.CodeNotFound, "error_batch_unknown"))
	var views []View
	for _, id := range ids {
		v, err := e.View(ctx, id)
		switch {
		case err == nil:
			views = append(views, v)
		case services.CodeOf(err) == services.CodeForbidden:
			refusal = err
		default:
			return nil, err
		}
	}
	if len(views) == 0 {
		return nil, refusal
	}
	return views, nil
}
