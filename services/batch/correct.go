package batch

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// historyLooked is how many of the newest batches of a node are looked at to find the one
// that its maintenance follows from.
const historyLooked = 20

// CorrectNotices makes the nodes of a cluster say what is true of their maintenance, where
// they say something else because of this program: an earlier process was killed before it
// had written all, or somebody else has uncordoned the node. It returns at once; the
// nodes follow. Nodes on which a batch is at work are left to it.
func (e *Engine) CorrectNotices(ctx context.Context, cluster string, all node.Inventory) error {
	client, err := e.clusters.Client(cluster)
	if err != nil {
		return err
	}
	e.rights.forget()
	open, err := e.openDrains(ctx, cluster)
	if err != nil {
		return err
	}
	for _, n := range all.Nodes {
		if n.Maintenance() == "" && !open[n.Name] || e.turns.first(cluster, n.Name) != nil {
			continue
		}
		if err := e.correct(ctx, client, cluster, n); err != nil {
			return err
		}
	}
	return nil
}

// openDrains returns the nodes of drains that have not ended. Some of them may have been
// ended, or begun, before they could say so.
func (e *Engine) openDrains(ctx context.Context, cluster string) (map[string]bool, error) {
	batches, err := e.store.OpenBatches(ctx)
	if err != nil {
		return nil, err
	}
	nodes := map[string]bool{}
	for _, b := range batches {
		if b.Cluster != cluster || !operation.TraitsOf(b.Operation).Drains {
			continue
		}
		items, err := e.store.Items(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			nodes[it.Node] = true
		}
	}
	return nodes, nil
}

// correct has a node say what the history says of it.
func (e *Engine) correct(ctx context.Context, client *kube.Client, cluster string, n *node.Node) error {
	said := n.Maintenance()
	if said != "" {
		_, err := e.store.Batch(ctx, said)
		if services.CodeOf(err) == services.CodeNotFound {
			return nil // of another installation of this program, or of a batch that is no longer kept
		}
		if err != nil {
			return err
		}
	}
	s, known, err := e.noticeFor(ctx, cluster, n.Name)
	if err != nil || !known || n.Says(s.Stage) {
		return err
	}
	s.Holds = func() bool {
		now, known, err := e.noticeFor(ctx, cluster, n.Name)
		same := err == nil && known && now.Stage == s.Stage && now.Batch == s.Batch
		return same && e.turns.first(cluster, n.Name) == nil
	}
	e.notices.say(cluster, client, n.Name, s)
	return nil
}

// noticeFor returns what a node is to say by the batches that it was part of. known is
// false if none of them says anything of its maintenance.
func (e *Engine) noticeFor(ctx context.Context, cluster, name string) (s kube.Notice, known bool, err error) {
	history, err := e.store.NodeItems(ctx, store.BatchQuery{
		Scope: services.Scope{All: true}, Cluster: cluster, Node: name, Limit: historyLooked,
	})
	if err != nil {
		return kube.Notice{}, false, err
	}
	for _, h := range history {
		if operation.TraitsOf(h.Batch.Operation).Drains {
			return noticeOfItem(h.Batch, h.Item), true, nil
		}
		over, err := e.endsMaintenance(ctx, h)
		if err != nil {
			return kube.Notice{}, false, err
		}
		if over {
			s := noticeOf(h.Batch, kube.StageNone, reasonOver, h.Batch.Operation)
			s.UID = h.Item.UID
			return s, true, nil
		}
	}
	return kube.Notice{}, false, nil
}

// endsMaintenance reports whether an item has uncordoned its node, or has taken back the
// drain of it.
func (e *Engine) endsMaintenance(ctx context.Context, h store.NodeItem) (bool, error) {
	if h.Item.State != store.ItemSucceeded && h.Item.State != store.ItemUnchanged {
		return false, nil
	}
	if h.Batch.Operation == operation.Uncordon {
		return true, nil
	}
	if h.Batch.UndoOf == "" {
		return false, nil
	}
	undone, err := e.store.Batch(ctx, h.Batch.UndoOf)
	if services.CodeOf(err) == services.CodeNotFound {
		return false, nil
	}
	return operation.TraitsOf(undone.Operation).Drains, err
}
