package acceptance

import (
	"compress/gzip"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"kube-node-manager/services/kube/kubetest"
)

// The database that the program wrote at commit 97e947a, and what that program
// itself answered about it when it was started again: JSON and CSV, by path.
//
// The batches are those of a rolling maintenance of twelve nodes in three pools
// and three zones: every operation, with templates that have changed since, in
// every state that a batch or an item can end in. The program was killed while
// the last five were running. The users are admin (an administrator), bob (a
// user) and Eve (a viewer), all with the password of the tests; there are no
// tokens and no login sessions.
const (
	earlierDatabase = "testdata/earlier/batches-97e947a.db.gz"
	earlierAnswers  = "testdata/earlier/answers-97e947a.json.gz"
	earlierCluster  = "prod-cluster"
	earlierBatches  = 57
)

// earlier is the program of today on the database of that commit.
type earlier struct {
	*program
	cluster *kubetest.Cluster
	answers map[string]json.RawMessage
	batches []earlierBatch // oldest first
}

// earlierBatch is a batch as the earlier program answered it.
type earlierBatch struct {
	batchDoc
	Params  json.RawMessage
	Rollout json.RawMessage
}

// TestEarlier shows that batches of an earlier version look as before, and can
// be undone, retried and resumed. Its parts run in this order, because the
// later ones make new batches.
func TestEarlier(t *testing.T) {
	e := startEarlier(t)
	t.Run("answers", e.testAnswers)
	t.Run("pages", e.testPages)
	t.Run("undo", e.testUndo)
	t.Run("undo after a change by others", e.testUndoChanged)
	t.Run("retry", e.testRetry)
	t.Run("resume", e.testResume)
}

func startEarlier(t *testing.T) *earlier {
	t.Helper()
	c := lease(t)
	production := kubetest.WriteKubeconfig(t, earlierCluster, c.Config())
	staging := kubetest.WriteKubeconfig(t, "staging", c.Config())
	p := emptyProgram(t, releaseBuild.binary(t), production+string(os.PathListSeparator)+staging,
		"--resume=false", "--users-may-drain", "--retain-batches", "0", "--retain-audit", "0")
	database := filepath.Join(p.Data, "kube-node-manager.db")
	require.NoError(t, os.WriteFile(database, unpack(t, earlierDatabase), 0o600))
	adoptNodes(t, c, database)
	p.Token = strings.TrimSpace(p.run(t, "", "user", "token", adminName, "--data", p.Data))
	p.start(t)

	e := &earlier{program: p, cluster: c}
	require.NoError(t, json.Unmarshal(unpack(t, earlierAnswers), &e.answers))
	for path, answer := range e.answers {
		if strings.HasPrefix(path, "/batches/") && !strings.HasSuffix(path, ".csv") {
			var b earlierBatch
			require.NoError(t, json.Unmarshal(answer, &b))
			e.batches = append(e.batches, b)
		}
	}
	slices.SortFunc(e.batches, func(a, b earlierBatch) int { return strings.Compare(a.ID, b.ID) })
	require.Len(t, e.batches, earlierBatches)
	return e
}

// unpack reads a compressed file.
func unpack(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	plain, err := gzip.NewReader(file)
	require.NoError(t, err)
	raw, err := io.ReadAll(plain)
	require.NoError(t, err)
	return raw
}

// adoptNodes creates the nodes of the database in the cluster, and updates
// their UIDs in the database.
func adoptNodes(t testing.TB, c *kubetest.Cluster, database string) {
	t.Helper()
	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, name := range c.Nodes(t, 12, earlierNode) {
		uid := string(c.Node(t, name).UID)
		done, err := db.ExecContext(t.Context(), `UPDATE batch_items SET uid = ? WHERE node = ? AND uid <> ''`, uid, name)
		require.NoError(t, err)
		changed, err := done.RowsAffected()
		require.NoError(t, err)
		require.Positive(t, changed, name)
	}
}

// earlierNode is the i-th node of the earlier cluster.
func earlierNode(i int, n *corev1.Node) {
	pool := []string{"blue", "green", "grey"}[i/4]
	n.Name = fmt.Sprintf("%s-%d", pool, 1+i%4)
	n.Labels[corev1.LabelHostname] = n.Name
	n.Labels[corev1.LabelTopologyZone] = []string{"eu-1a", "eu-1b", "eu-1c"}[i%3]
	n.Labels["node.kubernetes.io/pool"] = pool
	n.Labels["team"] = "platform"
}

// testAnswers compares every response with that of the earlier program. Only
// the wording of an error may differ, and there may be new fields.
func (e *earlier) testAnswers(t *testing.T) {
	entries := e.auditEntries(t)
	for path, answer := range e.answers {
		switch {
		case strings.HasSuffix(path, ".csv"):
			e.compareReport(t, path, answer)
		case strings.HasPrefix(path, "/audit"):
			compareAudit(t, answer, entries)
		default:
			var now json.RawMessage
			e.request(t, http.MethodGet, path, nil, &now)
			require.Empty(t, differences(decode(t, answer), decode(t, now), ""), path)
		}
	}
	open := []string{}
	for _, b := range e.batches {
		if b.State == "interrupted" {
			open = append(open, b.ID)
		}
	}
	slices.Reverse(open)
	require.Len(t, open, 6)
	require.Equal(t, open, e.history(t, "state=interrupted"))
}

func decode(t testing.TB, raw json.RawMessage) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(raw, &value))
	return value
}

// differences lists where the second of two JSON documents lacks something of
// the first, or differs from it.
func differences(want, got any, at string) []string {
	switch want := want.(type) {
	case map[string]any:
		return objectDifferences(want, got, at)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return []string{fmt.Sprintf("%s: want %d entries, got %v", at, len(want), got)}
		}
		var found []string
		for i := range want {
			found = append(found, differences(want[i], list[i], fmt.Sprintf("%s[%d]", at, i))...)
		}
		return found
	default:
		if want != got && !sameError(at, want, got) {
			return []string{fmt.Sprintf("%s: want %v, got %v", at, want, got)}
		}
		return nil
	}
}

func objectDifferences(want map[string]any, got any, at string) []string {
	object, ok := got.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: want an object, got %v", at, got)}
	}
	var found []string
	for name, value := range want {
		now, ok := object[name]
		if !ok {
			found = append(found, fmt.Sprintf("%s.%s is missing", at, name))
			continue
		}
		found = append(found, differences(value, now, at+"."+name)...)
	}
	return found
}

// sameError reports whether both are the message of an error, whose wording may
// change, or neither is.
func sameError(at string, want, got any) bool {
	text, ok := got.(string)
	return strings.HasSuffix(strings.ToLower(at), ".error") && ok && (want == "") == (text == "")
}

// compareReport compares a report row by row and column by column. It may have more columns
// now, after those that it had.
func (e *earlier) compareReport(t *testing.T, path string, answer json.RawMessage) {
	t.Helper()
	var lines []string
	require.NoError(t, json.Unmarshal(answer, &lines))
	want := rowsOf(t, strings.Join(lines, "\n"))
	_, raw := e.call(t, http.MethodGet, path, "text/csv", "", nil)
	got := rowsOf(t, string(raw))
	require.Len(t, got, len(want), path)
	for i := range want {
		require.Equal(t, want[i][2] == "", got[i][2] == "", path) // the wording of an error may change
		columns := len(want[i])
		require.GreaterOrEqual(t, len(got[i]), columns, path)
		require.Equal(t, slices.Delete(want[i], 2, 3), slices.Delete(got[i][:columns], 2, 3), path)
	}
}

func rowsOf(t testing.TB, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return rows
}

// auditEntries returns the whole audit log by the numbers of its entries.
func (e *earlier) auditEntries(t *testing.T) map[any]any {
	t.Helper()
	entries := map[any]any{}
	for path := "/audit"; path != ""; {
		var page struct {
			Items []map[string]any
			Older string
		}
		e.request(t, http.MethodGet, path, nil, &page)
		for _, entry := range page.Items {
			entries[entry["id"]] = entry
		}
		path = page.Older
	}
	return entries
}

func compareAudit(t *testing.T, answer json.RawMessage, entries map[any]any) {
	t.Helper()
	var page struct{ Items []map[string]any }
	require.NoError(t, json.Unmarshal(answer, &page))
	require.NotEmpty(t, page.Items)
	for _, entry := range page.Items {
		require.Empty(t, differences(entry, entries[entry["id"]], fmt.Sprint("audit entry ", entry["id"])))
	}
}

// testPages checks the history and the page of every batch, in both languages.
func (e *earlier) testPages(t *testing.T) {
	for _, lang := range []string{"en", "zh-CN"} {
		r := e.reader(t, lang, adminName)
		for path, answer := range e.answers {
			if path == "/batches" || strings.HasPrefix(path, "/batches?") {
				e.compareHistoryPage(t, r, path, answer)
			}
		}
		for _, b := range e.batches {
			page := r.send(t, http.MethodGet, "/batches/"+b.ID, nil)
			require.Equal(t, http.StatusOK, page.status, b.ID)
			require.Empty(t, faults(page, lang), b.ID)
			require.Equal(t, b.State, page.doc.Find("#progress [data-batch]").AttrOr("data-state", ""), b.ID)
			e.compareItems(t, b, page)
		}
		for _, path := range []string{"/audit", "/templates/labels", "/templates/taints"} {
			require.Empty(t, faults(r.send(t, http.MethodGet, path, nil), lang), path)
		}
	}
}

func (e *earlier) compareHistoryPage(t *testing.T, r *reader, path string, answer json.RawMessage) {
	t.Helper()
	var want historyDoc
	require.NoError(t, json.Unmarshal(answer, &want))
	page := r.send(t, http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, page.status)
	require.Empty(t, faults(page, r.lang), path)
	rows := page.doc.Find("#batches tbody tr")
	require.Equal(t, len(want.Items), rows.Length())
	for i, b := range want.Items {
		row := rows.Eq(i)
		require.Positive(t, row.Find(`a[href="/batches/`+b.ID+`"]`).Length(), "%s in line %d", b.ID, i)
		require.Contains(t, row.Text(), b.By)
		require.Contains(t, row.Text(), b.Reason)
	}
}

// compareItems checks that the page of a batch has a row for every node, with
// all changes.
func (e *earlier) compareItems(t *testing.T, b earlierBatch, page *answer) {
	t.Helper()
	rows := page.doc.Find("#items table.items tbody tr")
	require.Equal(t, len(b.Items), rows.Length(), b.ID)
	for _, it := range b.Items {
		row := rows.FilterFunction(func(_ int, s *goquery.Selection) bool {
			return s.Find("td.name a").AttrOr("title", "") == it.Node
		})
		require.Equal(t, 1, row.Length(), "%s, %s", b.ID, it.Node)
		require.Equal(t, it.Error == "", row.Find(".why").Length() == 0, "%s, %s", b.ID, it.Node)
		if it.State != "succeeded" && !it.MayHaveChanged {
			continue
		}
		for _, text := range it.shown(t) {
			require.Contains(t, row.Text(), text, "%s, %s", b.ID, it.Node)
		}
	}
}
