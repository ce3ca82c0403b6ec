package handlers

import (
	"context"
	"iter"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/audit"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/form"
	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/saved"
	"kube-node-manager/services/store"
	"kube-node-manager/services/template"
	"kube-node-manager/views/people"
)

// accountKeeper is what the handlers need of account.Service.
type accountKeeper interface {
	Users(ctx context.Context) ([]account.Listed, error)
	Get(ctx context.Context, name string) (account.Listed, error)
	AddUser(
		ctx context.Context, name, password string, role services.Role, grants ...services.Grant,
	) (account.User, error)
	SetAccess(ctx context.Context, name string, role services.Role, grants []services.Grant) (account.Held, error)
	SetPassword(ctx context.Context, name, password string) (tokens int, err error)
	Disable(ctx context.Context, name string) (account.Held, error)
	Enable(ctx context.Context, name string) (account.Held, error)
	Delete(ctx context.Context, name string) (id int64, held account.Held, err error)
	EndLogins(ctx context.Context, name string) error
	Tokens(ctx context.Context, user string) ([]account.Token, error)
	CreateToken(ctx context.Context, user string, n account.NewToken) (token string, err error)
	RevokeTokens(ctx context.Context, ids ...int64) ([]account.Token, error)
	AllowTerminal(ctx context.Context, r account.TerminalRequest) (code string, err error)
	ChangePassword(ctx context.Context, current, password string) (u account.User, tokens int, err error)
	OwnFactor(ctx context.Context) (account.Factor, error)
	NewFactor(ctx context.Context, password, host string) (account.Enrolment, error)
	AddFactor(ctx context.Context, e account.Enrolment, code string) (u account.User, codes []string, err error)
	NewRecoveryCodes(ctx context.Context, code string) ([]string, error)
	RemoveOwnFactor(ctx context.Context, code string) (account.User, error)
	RemoveFactor(ctx context.Context, name string) error
}

// loginKeeper is what the handlers need of the login sessions.
type loginKeeper interface {
	Of(ctx context.Context, u account.Listed) ([]people.Session, error)
	End(ctx context.Context, id string) error
	SignIn(ctx context.Context, u account.User) error
	KeepEnrolment(ctx context.Context, url string) error
	Enrolment(ctx context.Context) (url string)
}

// clusterRegistry is what the handlers need of cluster.Registry.
type clusterRegistry interface {
	List() []cluster.Cluster
	Get(name string) (cluster.Cluster, error)
	Check(ctx context.Context, name string) (cluster.Status, error)
	Status(name string) cluster.Status
	Look(name string)
	ProbeSoon(name string)
	Test(ctx context.Context, name string) (cluster.Test, error)
	Try(ctx context.Context, u cluster.Upload) (cluster.Test, error)
	Contexts(ctx context.Context, text string) ([]string, error)
	Import(ctx context.Context, u cluster.Upload, p cluster.Properties) (cluster.Cluster, error)
	Replace(ctx context.Context, name string, u cluster.Upload) (cluster.Cluster, error)
	Edit(ctx context.Context, name string, p cluster.Properties) (cluster.Cluster, error)
	SetDisabled(ctx context.Context, name string, disabled bool) (cluster.Cluster, error)
	Delete(ctx context.Context, name string) (cluster.Cluster, error)
}

// nodeReader is what the handlers need of node.Service.
type nodeReader interface {
	List(ctx context.Context, cluster string, q node.Query, withUsage bool) (node.Page, error)
	Match(ctx context.Context, cluster string, q node.Query) ([]*node.Node, error)
	ListAll(ctx context.Context, clusters []string, q node.Query, withUsage bool) (node.Page, error)
	MatchAll(ctx context.Context, clusters []string, q node.Query) ([]node.Reading, error)
	Get(ctx context.Context, cluster, name string, fresh bool) (node.Found, error)
	GetQuick(ctx context.Context, cluster, name string, fresh bool) (node.Found, error)
	WithKnownPods(cluster string, f node.Found) node.Found
	Fleet(ctx context.Context, cluster string, fresh, wait bool) (node.Fleet, error)
	KnownFleet(cluster string) (node.Fleet, bool)
	All(ctx context.Context, cluster string, fresh bool) (node.Inventory, error)
	Known(cluster string) (node.Inventory, bool)
	Last(ctx context.Context, cluster string, q node.Query, why error) (node.Page, bool)
}

// nodeInspector is what the handlers need of inspect.Service.
type nodeInspector interface {
	Pods(ctx context.Context, cluster, name string, fresh bool) (inspect.Part[inspect.Pods], error)
	Events(ctx context.Context, cluster, name string, fresh bool) (inspect.Part[inspect.Events], error)
	Lease(ctx context.Context, cluster, name string) (inspect.Part[inspect.Lease], error)
	Object(ctx context.Context, cluster, name string, fresh bool) (inspect.Part[inspect.Object], error)
}

// batchEngine is what the handlers need of batch.Engine.
type batchEngine interface {
	Submit(ctx context.Context, q batch.Request) (batch.View, error)
	Preview(ctx context.Context, q batch.Request) (batch.Preview, error)
	SubmitAll(ctx context.Context, requests []batch.Request) ([]batch.View, error)
	PreviewAll(ctx context.Context, requests []batch.Request) (parts []batch.Part, digest string, err error)
	Group(ctx context.Context, id string) ([]batch.View, error)
	On(cluster, node string) *batch.Work
	Actors(ctx context.Context, cluster string, n *node.Node) ([]node.Actor, error)
	Wait(ctx context.Context, id string, d time.Duration) (batch.View, error)
	SyncWait(v batch.View) time.Duration
	View(ctx context.Context, id string) (batch.View, error)
	Items(ctx context.Context, id string) ([]batch.Item, error)
	Successors(ctx context.Context, id string) (batch.Successors, error)
	List(ctx context.Context, q batch.Query) (batch.Page, error)
	ItemPage(ctx context.Context, id string, q batch.ItemQuery) (batch.ItemPage, error)
	Report(ctx context.Context, id string) (batch.Batch, iter.Seq2[batch.Item, error], error)
	OnNode(ctx context.Context, cluster, node string) ([]batch.NodeItem, error)
	Running(scope services.Scope) []batch.View
	Interrupted(ctx context.Context) []batch.View
	Cancel(ctx context.Context, id string) (batch.View, error)
	Pause(ctx context.Context, id string) (batch.View, error)
	Resume(ctx context.Context, id string, given batch.Consents) (batch.View, error)
	Retry(ctx context.Context, id string, q batch.Request) (batch.View, error)
	Undo(ctx context.Context, id string, q batch.Request) (batch.View, error)
	PlanOf(ctx context.Context, id string) (batch.View, batch.Preview, error)
	PlansOf(ctx context.Context, group string) ([]batch.View, []batch.Part, string, error)
	Approve(ctx context.Context, id, plan string) (batch.View, error)
	ApproveAll(ctx context.Context, group, plan string) error
	Reject(ctx context.Context, id, why string) (batch.View, error)
}

// notifier is what the handlers need of notify.Service.
type notifier interface {
	List(ctx context.Context) ([]store.Hook, []store.Delivery, error)
	Create(ctx context.Context, f form.Fields, clusters []string) (store.Hook, error)
	Hook(ctx context.Context, id int64) (store.Hook, error)
	Update(ctx context.Context, id int64, f form.Fields, clusters []string) (store.Hook, error)
	Switch(ctx context.Context, id int64, disabled bool) error
	Test(ctx context.Context, id int64) error
	Delete(ctx context.Context, id int64) error
}

// templateKeeper is what the handlers need of template.Service.
type templateKeeper interface {
	operation.Templates
	List(ctx context.Context, q template.Query) (template.Page, error)
	Get(ctx context.Context, kind string, id int64) (template.Template, error)
	Usable(ctx context.Context, clusters ...string) ([]template.Template, error)
	Create(ctx context.Context, kind string, d template.Draft) (template.Template, error)
	Update(ctx context.Context, kind string, id int64, d template.Draft, seen time.Time) (template.Template, error)
	Duplicate(ctx context.Context, kind string, id int64) (template.Template, error)
	Delete(ctx context.Context, kind string, id int64) (template.Template, error)
	Export(ctx context.Context, kind string, id int64) ([]byte, error)
	Import(ctx context.Context, kind, text string, replace bool) ([]template.Imported, error)
}

// ruleKeeper is what the handlers need of rules.Service.
type ruleKeeper interface {
	Get(ctx context.Context, cluster string) (rule.Record, error)
	Set(ctx context.Context, cluster string, f form.Fields) (rule.Record, error)
}

// savedKeeper is what the handlers need of saved.Service.
type savedKeeper interface {
	Views(ctx context.Context) ([]saved.View, error)
	View(ctx context.Context, id int64) (saved.View, error)
	Save(ctx context.Context, d saved.Draft, replace bool) (saved.View, error)
	Update(ctx context.Context, id int64, d saved.Draft) (saved.View, error)
	Delete(ctx context.Context, id int64) (saved.View, error)
	Searches(ctx context.Context) ([]string, error)
	KeepSearch(ctx context.Context, text string) error
	ForgetSearches(ctx context.Context, text string) error
}

// auditLog is what the handlers need of audit.Service.
type auditLog interface {
	List(ctx context.Context, q audit.Query) (audit.Page, error)
	All(ctx context.Context, q audit.Query) (iter.Seq2[audit.Entry, error], error)
	Export(ctx context.Context, action audit.Action, cluster, object string) error
}

// protection says which labels, taints and annotations belong to somebody else; it
// is an operation.Protection.
type protection interface {
	Label(key string) bool
	Annotation(key string) bool
	Taint(t node.Taint) bool
	Split(taints []node.Taint) (free, protected []node.Taint)
}

// generations tells how often a cluster's cache was cleared; a page's event
// stream carries the number, so that a clearing between the page and its stream
// is not missed.
type generations interface {
	Generation(cluster string) uint64
}

// Dependencies are the services that Handlers call.
type Dependencies struct {
	Accounts  accountKeeper
	Logins    loginKeeper
	Clusters  clusterRegistry
	Nodes     nodeReader
	Inspect   nodeInspector
	Batches   batchEngine
	Templates templateKeeper
	Rules     ruleKeeper
	Saved     savedKeeper
	Notify    notifier
	Audit     auditLog
	Cache     generations
	Protect   protection
	Cookies   Cookies
	Version   string
}

// Handlers answers the routes of clusters, nodes and batches.
type Handlers struct {
	Dependencies
	now    func() time.Time
	drafts *drafts // forms of pages whose address would be too long
}

// New returns the handlers over the given services.
func New(d Dependencies) *Handlers {
	return &Handlers{Dependencies: d, now: time.Now, drafts: newDrafts(time.Now)}
}
