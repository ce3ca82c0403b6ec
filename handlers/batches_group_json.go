package handlers

import (
	"net/http"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// groupJSON is the batches that one submission has started.
type groupJSON struct {
	Group   string      `json:"group,omitempty"` // their id in the history; none if there is one batch
	Batches []batchJSON `json:"batches"`
}

func newGroupJSON(r *http.Request, views []batch.View) groupJSON {
	out := groupJSON{Group: batch.GroupOf(views[0].ID)}
	for _, v := range views {
		out.Batches = append(out.Batches, newListedBatchJSON(r.Context(), v))
	}
	return out
}

// groupPlanJSON is a plan over several clusters.
type groupPlanJSON struct {
	Operation string            `json:"operation"`
	Plans     []clusterPlanJSON `json:"plans"`
	// LeftOut are the clusters where it is not possible. Their nodes are left out if
	// "leave" names the cluster; otherwise nothing is started.
	LeftOut []leftOutJSON `json:"leftOut"`
	// Digest is what "plan" carries when all plans are to be carried out as shown.
	Digest string `json:"digest"`
}

type clusterPlanJSON struct {
	Cluster string       `json:"cluster"`
	Plan    *planJSON    `json:"plan,omitempty"`
	Problem *problemJSON `json:"problem,omitempty"` // why there is no plan
}

type leftOutJSON struct {
	Cluster string      `json:"cluster"`
	Nodes   int         `json:"nodes"`
	Problem problemJSON `json:"problem"`
	Agreed  bool        `json:"agreed"`
}

func newGroupPlanJSON(r *http.Request, s submission, parts []batch.Part, digest string) groupPlanJSON {
	out := groupPlanJSON{
		Operation: s.Operation, Digest: digest, Plans: make([]clusterPlanJSON, len(parts)), LeftOut: []leftOutJSON{},
	}
	for i, p := range parts {
		out.Plans[i].Cluster = p.Cluster
		if p.Err != nil {
			problem := newProblemJSON(ui.NewProblem(r.Context(), p.Err))
			out.Plans[i].Problem = &problem
			continue
		}
		one := newPlanJSON(r, s.Operation, p.Preview)
		out.Plans[i].Plan = &one
	}
	for _, c := range s.closed {
		problem := newProblemJSON(ui.NewProblem(r.Context(), c.why))
		out.LeftOut = append(out.LeftOut, leftOutJSON{c.name, c.nodes, problem, c.agreed})
	}
	return out
}

// groupMovedJSON answers a script whose plans have changed: what was wrong, and the plans
// as they are now.
type groupMovedJSON struct {
	errorJSON
	Plan *groupPlanJSON `json:"plan,omitempty"` // nil for any other conflict
}
