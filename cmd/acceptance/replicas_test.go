package acceptance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store/storetest/postgres"
)

const (
	replicaDatabase    = "postgres"
	replicaNodes       = 100
	killedReplicaNodes = 500
	outage             = 30 * time.Second
)

// replicas are programs that share a PostgreSQL database.
type replicas struct {
	server *postgres.Server
	all    []*program
}

// startReplicas starts a database server and n replicas.
func startReplicas(t *testing.T, path, kubeconfig string, n int, args ...string) *replicas {
	t.Helper()
	server, err := postgres.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	address := server.URL(replicaDatabase)
	key := newKey()
	rs := &replicas{server: server}
	token, err := addAdministrator(path, "--database", address)
	require.NoError(t, err)
	for range n {
		own := []string{"--database", address, "--listen", fixedAddress(t)}
		p := emptyProgram(t, path, kubeconfig, slices.Concat(args, own)...)
		p.env = []string{key}
		p.Token = token
		p.start(t)
		rs.all = append(rs.all, p)
	}
	return rs
}

// newKey returns a new key for the secrets in the database, for the environment.
func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "KNM_KEY=" + base64.StdEncoding.EncodeToString(key)
}

// workingHolder asks for the name of the replica that works; it is empty for none.
const workingHolder = `SELECT coalesce(max(holder), '') FROM leadership l JOIN leadership_term t ON t.id = l.id
	WHERE t.held_until >= clock_timestamp()`

// working returns the replica that works, which the database knows, and another one.
func (rs *replicas) working(t *testing.T) (works, other *program) {
	t.Helper()
	var holder string
	for end := time.Now().Add(patience); works == nil; time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "no replica works but %q", holder)
		var err error
		holder, err = rs.server.Query(t.Context(), replicaDatabase, workingHolder)
		require.NoError(t, err)
		for _, p := range rs.all {
			if p.cmd != nil && strings.HasSuffix(holder, fmt.Sprintf("/%d", p.cmd.Process.Pid)) {
				works = p
			} else {
				other = p
			}
		}
	}
	return works, other
}

// requireTruth requires that every replica shows which nodes are cordoned.
func (rs *replicas) requireTruth(t *testing.T, cluster string, names []string, cordoned bool) {
	t.Helper()
	for _, p := range rs.all {
		shown := p.unschedulable(t, cluster)
		for _, name := range names {
			require.Equal(t, cordoned, shown[name], name)
		}
	}
}

// Any replica may be asked, and when the one that works
// is killed at any moment, another one takes over. No batch, item or line of the audit log
// is lost or doubled, no replica shows a state from before a batch that has ended, and no
// request waits longer than one may for a replica. Rounds are set by
// -rounds.
func TestReplicas_killedAtAnyMoment(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, killedReplicaNodes)
	rs := startReplicas(t, releaseBuild.binary(t), proxy.Kubeconfig(t, c.Name), 3)
	o := rs.watch(t, c, names)
	var want wanted
	ends := map[string]map[string]int{}
	var longest time.Duration
	for i := range *rounds {
		form := mixed(i, &want)
		form["node"] = names
		form.Set("idempotency_key", fmt.Sprintf("key-%d", i))
		works, other := rs.working(t)
		var sent sync.WaitGroup
		sent.Go(func() { other.attempt(context.WithoutCancel(t.Context()), c.Name, form) })
		if i%2 == 1 { // it is killed while the batch runs and people look at it
			slow := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: 200 * time.Millisecond})
			sent.Wait()
			o.follow(other.history(t, "")[0])
			slow.Remove()
		}
		time.Sleep(mathrand.N(400 * time.Millisecond))
		o.send(i%5 >= 2) // from the cordon of all nodes to their uncordon; see mixed
		works.end(t, syscall.SIGKILL)
		killed := time.Now()
		var b batchDoc
		other.request(t, http.MethodPost, "/clusters/"+url.PathEscape(c.Name)+"/batches", form, &b)
		longest = max(longest, time.Since(killed))
		sent.Wait()
		require.NotContains(t, ends, b.ID)
		works.start(t)
		b = works.awaitBatch(t, b.ID)
		ends[b.ID] = b.Counts
		requireComplete(t, b, names)
		rs.requireTruth(t, c.Name, names, want.reason != "")
		o.requireTruth(want, names, b)
		o.requireAnswer()
	}
	want.requireOn(t, c, names)
	require.LessOrEqual(t, o.addEnds(rs.all[0], ends), *rounds)
	rs.all[0].auditAgrees(t, ends)
	t.Logf("%d replicas were killed; the longest request after that took %s; what was sent at that moment was answered %v",
		*rounds, longest.Round(time.Millisecond), o.answers)
}

// labelSlowly starts two replicas, and a batch that has begun when it returns. Its calls take
// a second each until the fault is removed.
func labelSlowly(t *testing.T, c *kubetest.Cluster, names []string) (*replicas, *kubetest.Injected, batchDoc) {
	t.Helper()
	proxy := c.Proxy(t)
	rs := startReplicas(t, raceBuild.binary(t), proxy.Kubeconfig(t, c.Name), 2)
	_, other := rs.working(t)
	slow := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: time.Second})
	form := url.Values{"operation": {"label"}, "label": {"round=1"}, "node": names}
	var b batchDoc
	other.request(t, http.MethodPost, "/clusters/"+url.PathEscape(c.Name)+"/batches", form, &b)
	slow.WaitHits(t, 5)
	return rs, slow, b
}

// A replica that was stopped for longer than its leadership and then goes on writes nothing
// more, neither to a cluster nor to the database, and works as one of the others.
func TestReplicas_stoppedWritesNothing(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, replicaNodes)
	rs, slow, b := labelSlowly(t, c, names)
	works, other := rs.working(t)
	require.NoError(t, works.cmd.Process.Signal(syscall.SIGSTOP))
	slow.Remove()

	requireComplete(t, other.awaitBatch(t, b.ID), names)
	form := url.Values{"operation": {"label"}, "label": {"round=2"}, "node": names}
	other.request(t, http.MethodPost, "/clusters/"+url.PathEscape(c.Name)+"/batches", form, &b)
	done := other.awaitBatch(t, b.ID)
	requireComplete(t, done, names)
	before := versions(t, c, names)
	const state = `SELECT md5(string_agg(x, '' ORDER BY x)) FROM (SELECT CAST(i AS TEXT) AS x FROM batch_items i
		UNION ALL SELECT CAST(b AS TEXT) FROM batches b UNION ALL SELECT CAST(a AS TEXT) FROM audit a) AS every`
	stored, err := rs.server.Query(t.Context(), replicaDatabase, state)
	require.NoError(t, err)

	require.NoError(t, works.cmd.Process.Signal(syscall.SIGCONT))
	works.awaitLog("This replica works no longer")
	require.Equal(t, done.Items, works.batch(t, b.ID).Items, "it answers, by asking the other one")
	require.Equal(t, before, versions(t, c, names), "the nodes")
	now, err := rs.server.Query(t.Context(), replicaDatabase, state)
	require.NoError(t, err)
	require.Equal(t, stored, now, "the database")
}

// almostLost is a time after which a replica must no longer work, though no other one may yet.
const almostLost = 8800 * time.Millisecond

// A replica that was stopped until just before another one may work fails no node: it leaves
// what it was at to whichever works next.
func TestReplicas_stoppedForAMoment(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2*replicaNodes)
	rs, slow, b := labelSlowly(t, c, names)
	works, _ := rs.working(t)
	require.NoError(t, works.cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(almostLost)
	require.NoError(t, works.cmd.Process.Signal(syscall.SIGCONT))
	works.awaitLog("This replica works no longer")
	slow.Remove()

	_, other := rs.working(t)
	requireComplete(t, other.awaitBatch(t, b.ID), names)
	wanted{label: "1"}.requireOn(t, c, names)
	works.auditAgrees(t, map[string]map[string]int{b.ID: other.batch(t, b.ID).Counts})
}

// versions returns the resource versions of nodes.
func versions(t testing.TB, c *kubetest.Cluster, names []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range names {
		all[name] = c.Node(t, name).ResourceVersion
	}
	return all
}

// When the database is away for half a minute, requests are told so, nothing is lost, and
// the work goes on by itself when it is back.
func TestReplicas_databaseOutage(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, replicaNodes)
	rs, slow, b := labelSlowly(t, c, names)
	works, other := rs.working(t)
	for _, p := range rs.all {
		require.Equal(t, b.ID, p.batch(t, b.ID).ID)
	}
	require.NoError(t, rs.server.Stop())
	away := time.Now()
	var asked errgroup.Group
	for _, p := range []*program{works, other} {
		asked.Go(func() error {
			response, raw := p.call(t, http.MethodGet, "/batches/"+b.ID, "application/json", "", nil)
			if response.StatusCode != http.StatusServiceUnavailable {
				return fmt.Errorf("%s: %s", response.Status, raw)
			}
			return nil
		})
	}
	require.NoError(t, asked.Wait(), "no replica can know the truth")
	slow.Remove()
	time.Sleep(time.Until(away.Add(outage)))
	require.NoError(t, rs.server.Continue(t.Context()))

	requireComplete(t, other.awaitBatch(t, b.ID), names)
	wanted{label: "1"}.requireOn(t, c, names)
	requireComplete(t, works.batch(t, b.ID), names)
	works.auditAgrees(t, map[string]map[string]int{b.ID: other.batch(t, b.ID).Counts})
}

// Where a replica takes the requests of the others, it answers nobody who has not read its
// secret in the database; and the secret does not lead past the sign-in.
func TestReplicas_onlyTheOthersMayAsk(t *testing.T) {
	rs := startReplicas(t, raceBuild.binary(t), emptyKubeconfig(t), 2)
	rs.working(t)
	ask := func(column string) string {
		text, err := rs.server.Query(t.Context(), replicaDatabase, "SELECT "+column+" FROM leadership")
		require.NoError(t, err)
		return text
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	for secret, want := range map[string]int{
		"": http.StatusForbidden, "guess": http.StatusForbidden, ask("secret"): http.StatusUnauthorized,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+ask("address")+"/audit", nil)
		require.NoError(t, err)
		r.Header.Set("Knm-Replica-Secret", secret)
		r.Header.Set("Knm-Replica-Client", "10.1.2.3:4")
		r.Header.Set("Accept", "application/json")
		r.Host = "localhost"
		require.Eventually(t, func() bool { // once it has begun to work
			response, err := transport.RoundTrip(r)
			if err != nil {
				return false
			}
			_ = response.Body.Close()
			return response.StatusCode == want
		}, patience, 50*time.Millisecond, "with the secret %q", secret)
	}
}
