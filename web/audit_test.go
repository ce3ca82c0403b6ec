package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// auditDoc is a page of the audit log in JSON.
type auditDoc struct {
	Items []struct {
		ID                        int64
		At                        time.Time
		Actor, Address, RequestID string
		Action, Cluster, Object   string
		Reason, Result            string
		Before, After             map[string]any
	}
	Older string
}

func (b *browser) audit(query string, headers ...string) auditDoc {
	b.t.Helper()
	got := b.get("/audit"+query, append([]string{"Accept", "application/json"}, headers...)...)
	require.Equal(b.t, http.StatusOK, got.status, got.body)
	var doc auditDoc
	require.NoError(b.t, json.Unmarshal([]byte(got.body), &doc))
	return doc
}

// lines returns one line for each entry, oldest first.
func (d auditDoc) lines() []string {
	out := make([]string, len(d.Items))
	for i, e := range d.Items {
		why, _ := e.After["why"].(string)
		out[len(out)-1-i] = strings.TrimSpace(strings.Join([]string{e.Actor, e.Action, e.Object, e.Result, why}, " "))
	}
	return out
}

func TestAudit_logins(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	a.addUser(t, "grace", "user")
	b := a.another()
	require.Equal(t, http.StatusUnauthorized, b.post("/login", credentials("grace", "wrong password")).status)
	c.add(time.Minute)
	require.Equal(t, http.StatusUnauthorized, b.post("/login", credentials("my secret typed too early", "x")).status)
	got := b.post("/login", credentials("grace", testPassword))
	require.Equal(t, http.StatusSeeOther, got.status)
	id := got.header.Get("X-Request-Id")
	require.Equal(t, http.StatusSeeOther, b.post("/logout", nil).status)
	require.Equal(t, http.StatusSeeOther, b.post("/logout", nil).status, "a second sign-out changes nothing")

	doc := a.audit("")
	require.Equal(t, []string{
		"ada setup ada ok",
		"command line user.create grace ok",
		"command line token.create test ok",
		"grace login.failed grace refused password",
		"login.failed  refused unknown",
		"grace login grace ok",
		"grace logout grace ok",
	}, doc.lines())
	for _, e := range doc.Items {
		if e.Actor != "command line" {
			require.Equal(t, "127.0.0.1", e.Address)
			require.NotEmpty(t, e.RequestID)
		}
	}
	require.Equal(t, id, doc.Items[1].RequestID)
	raw := a.get("/audit").body + a.get("/audit.csv").body
	require.NotContains(t, raw, "secret typed")
	require.NotContains(t, raw, testPassword)
	c.add(time.Minute)
	for range 6 {
		b.post("/login", credentials("ada", "wrong password"))
	}
	require.Equal(t, http.StatusTooManyRequests, b.post("/login", credentials("ada", testPassword)).status)
	require.Len(t, a.audit("?action=login.failed&actor=ada").Items, 1, "the first one is written at once")
	c.add(time.Minute)
	b.post("/login", credentials("grace", "wrong password"))
	rest := a.audit("?action=login.failed&actor=ada").Items[0]
	reasons := map[string]any{"password": 4.0, "wait": 2.0}
	require.Equal(t, map[string]any{"why": "several", "count": 6.0, "reasons": reasons}, rest.After)
	require.Contains(t, a.get("/audit?action=login.failed&actor=ada").body,
		"6 more times · wrong password 4 · too many attempts 2")
}

// An administrator sees all entries, a user their own, a viewer only their sign-ins.
func TestAudit_roles(t *testing.T) {
	a := signedIn(t)
	user, viewer := a.addUser(t, "bob", "user"), a.addUser(t, "eve", "viewer")
	a.get("/templates/labels/export", "Authorization", "Bearer "+user)
	a.get("/templates/labels/export", "Authorization", "Bearer "+viewer)
	require.Equal(t, []string{"bob template.export labels-templates.yaml ok"},
		a.audit("", "Authorization", "Bearer "+user).lines())
	require.Empty(t, a.audit("", "Authorization", "Bearer "+viewer).lines(), "a viewer sees sign-ins only")
	require.Empty(t, a.audit("?actor=ada", "Authorization", "Bearer "+user).lines())
	eve := a.another()
	eve.post("/login", credentials("eve", testPassword))
	require.Equal(t, []string{"eve login eve ok"}, eve.audit("").lines())
	page := eve.get("/audit").page(t)
	require.Equal(t, 3+1, page.Find("select[name=action] option").Length(), "sign-ins and the empty choice")
	require.Zero(t, page.Find("input[name=actor]").Length())
	require.Len(t, a.audit("?action=template.export").Items, 2)
	require.Equal(t, 303, a.another().get("/audit").status)
	require.Equal(t, 401, a.another().get("/audit.csv", "Accept", "application/json").status)
}

func TestAudit_pagesAndCSV(t *testing.T) {
	a := signedIn(t)
	for i := range 105 {
		a.admin(t, func(ad *Admin) {
			// A spreadsheet would take these names for formulas.
			_, err := ad.CreateToken(t.Context(), testUser, NewToken{Label: fmt.Sprintf("=token %d", i), Life: time.Hour})
			require.NoError(t, err)
		})
	}
	first := a.audit("?action=token.create")
	require.Len(t, first.Items, 100)
	require.True(t, strings.HasPrefix(first.Older, "/audit?action=token.create&before="), first.Older)
	second := a.audit(strings.TrimPrefix(first.Older, "/audit"))
	require.Len(t, second.Items, 5)
	require.Empty(t, second.Older)
	require.Less(t, second.Items[0].ID, first.Items[99].ID)

	page := a.get("/audit?action=token.create").page(t)
	require.Equal(t, 100, page.Find("#audit tbody tr").Length())
	require.Equal(t, first.Older, page.Find("a[rel=next]").AttrOr("href", ""))
	require.Equal(t, "/audit.csv?action=token.create", page.Find("a.csv").AttrOr("href", ""))

	got := a.get("/audit.csv?action=token.create")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "text/csv; charset=utf-8", got.header.Get("Content-Type"))
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 106)
	require.Equal(t, []string{
		"id", "at", "actor", "address", "requestId", "action", "cluster", "object", "before", "after",
		"reason", "result",
	}, rows[0])
	require.Equal(t, "'=token 104", rows[1][7])
	require.Equal(t, []string{"ada audit.export  ok"}, a.audit("?action=audit.export").lines())
}

func TestAudit_wrongFilters(t *testing.T) {
	a := signedIn(t)
	for query, field := range map[string]string{
		"?action=dance":                       "action",
		"?result=good":                        "result",
		"?from=soon":                          "from",
		"?to=2026-02-30":                      "to",
		"?before=x":                           "before",
		"?before=-1":                          "before",
		"?q=%00":                              "q",
		"?actor=%ff":                          "actor",
		"?object=" + strings.Repeat("x", 201): "object",
		"?cluster=%00":                        "cluster",
		"?before=99999999999999999999":        "before",
	} {
		for _, path := range []string{"/audit", "/audit.csv"} {
			got := a.get(path+query, "Accept", "application/json")
			require.Equal(t, http.StatusUnprocessableEntity, got.status, path+query)
			require.Contains(t, got.body, `"`+field+`":`, path+query)
		}
		require.Equal(t, http.StatusUnprocessableEntity, a.get("/audit"+query, "HX-Request", "true").status)
	}
	got := a.get("/audit?action=dance&q=kept&from=soon")
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Equal(t, "kept", got.page(t).Find("#q").AttrOr("value", ""))
	require.Equal(t, "soon", got.page(t).Find("input[name=from]").AttrOr("value", ""))
	require.Contains(t, got.page(t).Find("#audit").Text(), "is not a valid date")
	require.Empty(t, a.audit("?action=audit.export").Items, "nothing was exported")
}

// For any query, the response is a page or an error that names the wrong field.
func TestAudit_anyQuery(t *testing.T) {
	a := signedIn(t)
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"q", "actor", "object", "cluster", "action", "result", "from", "to", "before", "odd"}
	values := []string{
		"", "%", "%25", "%00", "%ff", "%zz", "1", "-1", "9e9", "login", "ok", "2026-11-23",
		"9999-12-31T23:59:59.999999999Z", "0000-01-01", "'--", "%5C", "=", "&", ";",
	}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	for range 400 {
		var query strings.Builder
		for range random.IntN(6) {
			_, _ = fmt.Fprintf(&query, "%s=%s&", pick(names), pick(values)+pick(values))
		}
		for _, path := range []string{"/audit?", "/audit.csv?"} {
			got := a.get(path + query.String())
			require.Contains(t, []int{http.StatusOK, http.StatusUnprocessableEntity}, got.status, path+query.String())
		}
	}
}

// Old entries are deleted at the start.
func TestAudit_retention(t *testing.T) {
	o := testOptions(t)
	same := func(to *Options) { to.Data = o.Data }
	first := signedIn(t, same)
	require.Len(t, first.audit("").Items, 1)
	require.NoError(t, first.Stop(t.Context()))

	later := startApp(t, same, func(o *Options) {
		o.RetainAudit, o.RetainBatches = 30, 0
		o.now = func() time.Time { return time.Now().AddDate(0, 0, 31) }
	})
	require.Equal(t, http.StatusSeeOther, later.post("/login", credentials(testUser, testPassword)).status)
	var lines []string
	require.Eventually(t, func() bool {
		lines = later.audit("?action=retention").lines()
		return len(lines) > 0
	}, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, []string{"retention  ok"}, lines)
	require.Empty(t, later.audit("?action=setup").Items)
}

func TestOptions_retention(t *testing.T) {
	for _, days := range []int{-1, maxDays + 1} {
		o := testOptions(t)
		o.RetainBatches, o.RetainAudit = days, days
		err := o.Validate()
		require.ErrorContains(t, err, "--retain-batches: must be between 0 and 36500")
		require.ErrorContains(t, err, "--retain-audit: must be between 0 and 36500")
	}
	o := testOptions(t)
	o.RetainBatches, o.RetainAudit = 0, maxDays
	require.NoError(t, o.Validate())
}

// A backup is recorded like an export.
func TestAudit_backup(t *testing.T) {
	a := signedIn(t)
	a.admin(t, func(ad *Admin) { require.NoError(t, ad.Backup(t.Context(), t.TempDir()+"/copy.db")) })
	require.Equal(t, []string{"command line backup copy.db ok"}, a.audit("?action=backup").lines())
}
