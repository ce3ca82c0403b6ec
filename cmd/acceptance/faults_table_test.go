package acceptance

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store/storetest/postgres"
)

// fault is one row of the fault suite. Zero values mean: tried with every operation, and
// every node is done in the end.
type fault struct {
	name  string
	means string // what a person sees of it, for docs/reliability.md

	on    string         // the database engine that it is tried with; "" for both
	only  []string       // the operations that it is tried with
	fails []int          // the nodes, by number, that may fail
	words *regexp.Regexp // which the reason of every failure has
	kills int            // how often the program is killed, or has to stop its work
	stays bool           // the fault outlasts the batch: a retry cannot work
	blind bool           // the table cannot be read any more

	ownPlane bool                        // it is done to the control plane itself
	upstream func(s *scene) *rest.Config // the API server and the account of the program
	args     []string                    // further options of the program
	env      []string
	pods     []kubetest.PodOption  // of the pods of a drain
	place    func(s *scene)        // prepares the data directory
	database func(s *scene) string // prepares the PostgreSQL database, and returns its address
	strike   func(s *scene)        // starts the batch, and does to it what the fault is
}

// The nodes of a batch. The first meets a fault for as long as it lasts; for the second and
// the third it passes after two calls; the fourth is left alone.
var (
	theFirst = []int{0}
	anyNode  = []int{0, 1, 2, 3}
)

func says(text string) *regexp.Regexp { return regexp.MustCompile("(?i)" + text) }

// faultTable is the fault suite.
func faultTable() []fault {
	return slices.Concat(callFaults(), planeFaults(), sqliteFaults(), postgresFaults(), ownFaults())
}

// The database engines. The suite runs with the one that the environment has.
const (
	onSQLite   = "SQLite"
	onPostgres = "PostgreSQL"
)

func engineOfSuite() string {
	if os.Getenv(postgres.Variable) == "" {
		return onSQLite
	}
	return onPostgres
}

// faultsOn are the faults that are tried with a database engine.
func faultsOn(engine string) []fault {
	return slices.DeleteFunc(faultTable(), func(f fault) bool { return f.on != "" && f.on != engine })
}

// callFaults are those of single calls to the API server.
func callFaults() []fault {
	return []fault{
		{
			name:   "429 with Retry-After",
			means:  "The batch waits as long as the API server asks, with fewer calls at once.",
			strike: onWrites(kubetest.Fault{Code: http.StatusTooManyRequests, RetryAfter: 1}),
			fails:  theFirst, words: says("overloaded|too many requests"),
		},
		{
			name:   "429 without Retry-After",
			means:  "The same, with growing waits.",
			strike: onWrites(kubetest.Fault{Code: http.StatusTooManyRequests}),
			fails:  theFirst, words: says("overloaded|too many requests"),
		},
		{
			name:   "500",
			means:  "The call is repeated. What the API server said is the reason of a node that fails.",
			strike: onWrites(kubetest.Fault{Code: http.StatusInternalServerError}),
			fails:  theFirst, words: says("internal server error"),
		},
		{
			name:   "503",
			means:  "The call is repeated, with fewer calls at once.",
			strike: onWrites(kubetest.Fault{Code: http.StatusServiceUnavailable}),
			fails:  theFirst, words: says("overloaded|service unavailable"),
		},
		{
			name:   "504",
			means:  "The call is repeated. A node that fails says that its change may have taken effect.",
			strike: onWrites(kubetest.Fault{Code: http.StatusGatewayTimeout}),
			fails:  theFirst, words: says("gateway timeout"),
		},
		{
			name:   "reset before commit",
			means:  "The call is repeated. A node that fails says that its change may have taken effect.",
			strike: onWrites(kubetest.Fault{Cut: kubetest.CutBefore, Connection: true}),
			fails:  theFirst, words: says("connection|EOF|http2"),
		},
		{
			name: "reset after commit",
			means: "The change has been made and nobody was told. The call is repeated, which changes nothing more; " +
				"a node that fails says that its change may have taken effect, and the table shows that it has.",
			strike: onWrites(kubetest.Fault{Cut: kubetest.CutAfter, Connection: true}),
			fails:  theFirst, words: says("connection|EOF|http2"),
		},
		{
			name:   "slow headers",
			means:  "After 15 seconds without an answer (20 for an eviction) the call is repeated.",
			strike: slowly,
		},
		{
			name:   "truncated body",
			means:  "As for a reset after the commit.",
			strike: onWrites(kubetest.Fault{Truncate: 20}),
			fails:  theFirst, words: says("connection|EOF"),
		},
		{
			name:   "GOAWAY",
			means:  "Nothing: another connection is opened.",
			strike: onAll(kubetest.Fault{GoAway: true}),
		},
		{
			name:   "watch cut",
			means:  "Nothing: the watch begins again where it ended.",
			strike: onAll(kubetest.Fault{Verb: "watch", Truncate: 1, Times: 6}),
		},
		{
			name:   "expired watch",
			means:  "Nothing: what was watched is listed again.",
			strike: onAll(kubetest.Fault{Verb: "watch", Handler: kubetest.ExpiredWatch, Times: 6}),
		},
		{
			name:   "clock skew",
			means:  "Nothing: how long a pod has been terminating is measured by the clock of the cluster.",
			strike: skewed, pods: []kubetest.PodOption{kubetest.EndsAfter("8s")},
		},
		{
			name: "credentials revoked",
			means: "The batch ends. One node says that the cluster rejected the credentials, the rest was not tried, " +
				"and the table says that the cluster cannot be read.",
			upstream: revocable, strike: revoke,
			fails: anyNode, words: says("rejected the credentials|not tried"), stays: true, blind: true,
		},
		{
			name:   "node replaced",
			means:  "The new node of the same name is not touched.",
			strike: replaceFirst,
			fails:  theFirst, words: says("replaced|does not exist"), stays: true,
		},
	}
}

// planeFaults are those of the control plane.
func planeFaults() []fault {
	return []fault{
		{
			name:     "API server restart",
			means:    "The batch waits until the API server is back.",
			ownPlane: true, upstream: ownServer, strike: restartServer,
		},
		{
			name:     "etcd pause of 10 s",
			means:    "The batch waits for the API server.",
			ownPlane: true, strike: pauseStorage,
		},
	}
}

// sqliteFaults are those of a database in the data directory.
func sqliteFaults() []fault {
	return []fault{
		{
			name: "full disk",
			means: "New batches are refused with the reason. A batch that runs waits until its results can be stored, " +
				"its page says why, and it then goes on by itself.",
			on: onSQLite, only: []string{"cordon", "drain"}, place: smallDisk, strike: fillDisk,
		},
		{
			name:  "read-only data directory",
			means: "The program does not start, and says why. It starts as soon as it may write.",
			on:    onSQLite, only: []string{"label"}, place: smallDisk, strike: forbidWrites,
		},
		{
			name: "locked database",
			means: "New batches are refused with the reason. A batch that runs waits until its results can be stored, " +
				"its page says why, and it then goes on by itself.",
			on: onSQLite, only: []string{"taint", "drain"}, strike: lockDatabase,
		},
		{
			name: "corrupted database",
			means: "Requests fail with the reason, which also says to restore a backup. The program does not start with " +
				"such a file, and says why; with a backup it does.",
			on: onSQLite, only: []string{"annotate"}, strike: corruptDatabase,
		},
		{
			name:  "two programs on one SQLite",
			means: "The second does not start, and says why. The first is not disturbed.",
			on:    onSQLite, only: []string{"uncordon"}, strike: startTwice,
		},
	}
}

// ownFaults are those of the program itself.
func ownFaults() []fault {
	return []fault{
		{
			name: "kill -9 at random",
			means: "The next process goes on with the batch; a drain waits for somebody to resume it. No node is lost, " +
				"and none is changed by two processes.",
			only: []string{"cordon", "uncordon", "drain", "label", "taint", "annotate"}, strike: killOften, kills: killsOfSuite,
		},
		{
			name:  "memory limit",
			means: "With a soft limit of 100 MiB (`GOMEMLIMIT`), large requests at the same time keep the program below 400 MB.",
			only:  []string{"cordon"}, env: []string{"GOMEMLIMIT=100MiB"}, strike: postMuch,
		},
		{
			name:  "1,000 event streams, 10 % never read",
			means: "Those that read get the end of the batch. Neither they nor the batch notice the others.",
			only:  []string{"label"}, args: []string{"--user-streams", "0"}, strike: openStreams,
		},
		{
			name:  "garbage requests",
			means: "They are refused with a reason. None is an internal error.",
			only:  []string{"cordon"}, strike: sendGarbage,
		},
		{
			name:  "slow-loris",
			means: "Connections that do not send their request in time are closed; others are served meanwhile.",
			only:  []string{"label"}, strike: dawdle,
		},
	}
}

// killsOfSuite is how often a batch is killed; longHold is longer than the program waits
// for an answer to a patch.
const (
	killsOfSuite = 3
	longHold     = 25 * time.Second
)
