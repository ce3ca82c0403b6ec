package web

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// right is what a route needs.
type right int

const (
	forAll     right = iota // also without a login
	forSigned               // any login
	forSession              // a login session, not a bearer token
	forOwn                  // a login session, or an administrator's token
	forSeeing               // to see at least one cluster
	forSaving               // to see at least one cluster; of a token, to change things
	forHere                 // to see the cluster
	forChange               // to change what belongs to no cluster
	forDoing                // to change nodes of the cluster
	forSome                 // to change nodes of at least one cluster
	forDrain                // to drain nodes of the cluster
	forAdmins
)

// routeRights says what every route needs, and with which form it is sent. A new route
// needs a line.
func routeRights() map[string]struct {
	needs right
	form  url.Values
} {
	type row = struct {
		needs right
		form  url.Values
	}
	cordon := url.Values{"operation": {"cordon"}, "node": {"n1"}}
	far := url.Values{"operation": {"cordon"}, "node": {url.PathEscape(testCluster) + "/n1"}}
	rows := map[string]row{
		"POST /clusters/{cluster}/batches":         {forDoing, cordon},
		"POST /batches":                            {forDoing, far},
		"GET /batches/preview":                     {forDoing, far},
		"POST /batches/preview":                    {forSome, nil}, // leads to GET
		"GET /clusters/{cluster}/batches/preview":  {forDoing, cordon},
		"POST /clusters/{cluster}/batches/preview": {forDoing, cordon},
		"POST /batches/{id}/resume":                {forDrain, nil}, // the batch is a drain
		"POST /batches/{id}/cancel":                {forDrain, nil},
		"POST /batches/{id}/pause":                 {forDrain, nil},
		"POST /batches/{id}/retry":                 {forDrain, nil},
		"GET /batches/{id}/plan":                   {forDrain, nil},
		"POST /batches/{id}/approve":               {forDrain, nil},
		"POST /batches/{id}/reject":                {forDrain, nil},
		"POST /batches/{id}/undo":                  {forDoing, nil},
		"GET /events":                              {forHere, url.Values{"cluster": {testCluster}}},
	}
	for needs, routes := range map[right]string{
		forAll: `GET /healthz, GET /readyz, GET /version, GET /metrics, GET /static/*, GET /setup, POST /setup, GET /login,
			POST /login, GET /login/code, POST /login/code, POST /logout, POST /preferences, POST /authorize/token`,
		forSigned: `GET /columns, POST /columns,
			GET /, GET /docs/api, GET /openapi.json, GET /clusters, GET /profile, GET /profile/{verb},
			GET /profile/factor, GET /profile/factor/{verb},
			GET /users/{user}/{verb},
			GET /clusters/{cluster}/{verb}, GET /clusters/{cluster}/batches, GET /batches/{id}/{verb},
			GET /templates/{kind}/{id}/duplicate, GET /views/{id}/{verb}, GET /hooks/{hook}/{verb},
			GET /searches/forget, GET /authorize/done`,
		forSession: `GET /authorize, POST /authorize,
			POST /profile/factor, POST /profile/factor/add, POST /profile/factor/codes,
			POST /profile/factor/remove, POST /profile/password, POST /profile/sessions/{session}/end`,
		forOwn: `POST /profile/tokens, POST /profile/tokens/{token}/revoke, POST /profile/signout`,
		forSeeing: `GET /nodes, GET /nodes.csv, GET /nodes.txt,
			GET /batches, GET /audit, GET /audit.csv, GET /templates/{kind}, GET /templates/{kind}/export,
			GET /templates/{kind}/{id}, GET /views, GET /views/menu, GET /views/{id}, GET /searches, GET /suggest`,
		forSaving: `POST /views, POST /views/{id}/edit, POST /views/{id}/delete, POST /searches, POST /searches/forget`,
		forHere: `GET /clusters/{cluster}, GET /clusters/{cluster}/access, POST /clusters/{cluster}/test,
			GET /clusters/{cluster}/nodes,
			GET /clusters/{cluster}/nodes.csv, GET /clusters/{cluster}/nodes.txt,
			GET /clusters/{cluster}/nodes/{node}, GET /clusters/{cluster}/labels,
			GET /clusters/{cluster}/overview, GET /clusters/{cluster}/rules,
			GET /clusters/{cluster}/taints, GET /batches/{id}, GET /batches/{id}/report.csv,
			GET /batches/{id}/kubectl`,
		forSome: `GET /nodes/labels/edit, POST /nodes/labels/edit, GET /nodes/taints/edit, POST /nodes/taints/edit,
			GET /nodes/annotations/edit, POST /nodes/annotations/edit,
			GET /nodes/templates/apply, POST /nodes/templates/apply`,
		forDoing: `GET /clusters/{cluster}/nodes/{node}/menu,
			GET /clusters/{cluster}/labels/edit, POST /clusters/{cluster}/labels/edit,
			GET /clusters/{cluster}/taints/edit, POST /clusters/{cluster}/taints/edit,
			GET /clusters/{cluster}/annotations/edit, POST /clusters/{cluster}/annotations/edit,
			GET /clusters/{cluster}/taints/copy, POST /clusters/{cluster}/taints/copy,
			GET /clusters/{cluster}/templates/apply, POST /clusters/{cluster}/templates/apply`,
		forChange: `GET /templates/{kind}/new, POST /templates/{kind}/new, GET /templates/{kind}/import,
			POST /templates/{kind}/import, GET /templates/{kind}/{id}/edit, POST /templates/{kind}/{id}/edit,
			GET /templates/{kind}/{id}/delete, POST /templates/{kind}/{id}/delete,
			POST /templates/{kind}/{id}/duplicate`,
		forAdmins: `GET /hooks, POST /hooks, POST /hooks/{hook}/test, POST /hooks/{hook}/disable,
			POST /hooks/{hook}/enable, POST /hooks/{hook}/delete, GET /hooks/{hook}/delete,
			GET /hooks/{hook}/edit, POST /hooks/{hook}/edit, GET /clusters/new,
			POST /clusters/new, POST /clusters/{cluster}/rules,
			GET /clusters/{cluster}/edit, POST /clusters/{cluster}/edit,
			GET /clusters/{cluster}/credentials, POST /clusters/{cluster}/credentials, POST /clusters/{cluster}/disable,
			POST /clusters/{cluster}/enable, GET /clusters/{cluster}/delete, POST /clusters/{cluster}/delete,
			GET /users, GET /users/new, POST /users/new, GET /users/{user}, POST /users/{user}/access,
			POST /users/{user}/password, POST /users/{user}/disable, POST /users/{user}/enable,
			POST /users/{user}/signout, POST /users/{user}/remove-factor, GET /users/{user}/delete, POST /users/{user}/delete,
			POST /users/{user}/tokens, POST /users/{user}/tokens/{token}/revoke`,
	} {
		for route := range strings.SplitSeq(routes, ",") {
			rows[strings.TrimSpace(route)] = row{needs: needs}
		}
	}
	return rows
}

// visitor is somebody who tries every route.
type visitor struct {
	name   string
	signed bool
	token  bool
	role   services.Role // for the whole program
	here   services.Role // in the cluster of the test
	sees   bool          // at least one cluster
	send   func(method, path, body string) answer
}

// may reports whether a route answers the visitor.
func (v visitor) may(needs right) bool {
	here, all := services.Actor{Role: v.here}, services.Actor{Role: v.role}
	switch needs {
	case forAll:
		return true
	case forSigned:
		return v.signed
	case forSession:
		return v.signed && !v.token
	case forOwn:
		return v.signed && (!v.token || all.May(services.PermitUsers))
	case forSeeing:
		return v.signed && v.sees
	case forSaving:
		return v.signed && v.sees && (!v.token || all.May(services.PermitChange))
	case forHere:
		return v.signed && here.May(services.PermitSee)
	case forChange:
		return v.signed && all.May(services.PermitChange)
	case forDoing:
		return v.signed && here.May(services.PermitChange)
	case forSome:
		return v.signed && (here.May(services.PermitChange) || all.May(services.PermitChange))
	case forDrain:
		return v.signed && here.May(services.PermitDrain)
	default:
		return v.signed && all.May(services.PermitUsers)
	}
}

// Every route answers exactly those who may use it: without a session, with a session or
// a token of each role, and of everybody whose access has ended or is limited.
func TestRoutes_accessOfEverybody(t *testing.T) {
	a := signedIn(t)
	a.addBatch(t, "b1", "drain")
	routes, ok := a.server.Handler.(chi.Routes)
	require.True(t, ok)
	rights, visitors := routeRights(), a.visitors(t)
	var unknown, wrong []string
	try := func(method, route string) {
		row, ok := rights[method+" "+plainRoute(route)]
		if !ok {
			unknown = append(unknown, method+" "+plainRoute(route))
		}
		for _, v := range visitors {
			got := v.send(method, pathOf(method, route, row.form), row.form.Encode())
			if row.needs == forAll && got.status != http.StatusForbidden && got.status < 500 {
				continue // a bad token is refused there too, and the page to sign in refuses a bad password
			}
			if v.may(row.needs) != answers(method, got) {
				text := []string{method, route, v.name, http.StatusText(got.status), got.body[:min(len(got.body), 160)]}
				wrong = append(wrong, strings.Join(text, " "))
			}
		}
	}
	last := []string{"/profile/signout", "/logout"} // they end the sessions of the visitors
	visited := 0
	require.NoError(t, chi.Walk(routes, func(
		method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler,
	) error {
		visited++
		if !slices.Contains(last, route) {
			try(method, route)
		}
		return nil
	}))
	for _, route := range last {
		try(http.MethodPost, route)
	}
	require.Empty(t, unknown, "what do these routes need?")
	require.Empty(t, wrong, "answered, or refused, against the rights")
	require.Len(t, rights, visited, "rights of routes that there are no more")
}

// plainRoute returns a route without the patterns of its parameters.
func plainRoute(route string) string {
	var out strings.Builder
	for part := range strings.SplitAfterSeq(route, "}") {
		name, _, _ := strings.Cut(part, ":")
		out.WriteString(name)
		if name != part {
			out.WriteString("}")
		}
	}
	return out.String()
}

// pathOf returns an address of a route. Its parameters name what there is, so that it is
// the right that decides, except for users: to be changed there is nobody.
func pathOf(method, route string, form url.Values) string {
	path := strings.NewReplacer(
		"{cluster}", "prod%2Feu", "{node}", "n1", "{kind}", "labels", "{user}", "nobody", "{token}", "99", "{session}", "x",
		"/templates/{kind}/{id}", "/templates/labels/1", "/batches/{id}", "/batches/b1", "/static/*", "/static/app.css",
		"{verb:cancel|pause|resume|retry|undo}", "cancel",
		"{verb:test|disable|enable}", "test", "{verb:access|password|disable|enable|signout|tokens}", "access",
		"{verb:password|tokens|signout}", "password", "{verb:edit|delete}", "edit",
	).Replace(route)
	if method == http.MethodGet && form != nil {
		path += "?" + form.Encode()
	}
	return path
}

// answers reports whether a route has let somebody in, whatever it says to them. To have
// signed out leads to the sign-in page too, but not back from there.
func answers(method string, got answer) bool {
	signedOut := method == http.MethodPost && got.location() == "/login"
	refused := got.status == http.StatusUnauthorized || got.status == http.StatusForbidden
	return !refused && (signedOut || !leadsToSignIn(got))
}

// addBatch adds a batch of the test cluster that has ended.
func (a *testApp) addBatch(t *testing.T, id, operation string) {
	t.Helper()
	st, err := store.Open(t.Context(), a.options.Data, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	now := time.Now()
	b := store.Batch{
		ID: id, Cluster: testCluster, Operation: operation, Params: []byte(`{}`), State: store.StateFailed, CreatedAt: now,
		StartedAt: &now, EndedAt: &now, ActorID: 99, By: "somebody", ActorRole: services.RoleAdmin, Total: 1,
	}
	require.NoError(t, st.InsertBatch(t.Context(), b, []store.Item{{Node: "n1", State: store.ItemFailed}}))
	require.NoError(t, st.Close(t.Context()))
}

// visitors returns everybody who may come by.
func (a *testApp) visitors(t *testing.T) []visitor {
	t.Helper()
	none, viewer, user, admin := services.RoleNone, services.RoleViewer, services.RoleUser, services.RoleAdmin
	all := []visitor{
		{name: "nobody", send: a.another().sends},
		{name: "administrator", signed: true, role: admin, here: admin, sees: true, send: a.asSession(t, "root", admin)},
		{name: "user", signed: true, role: user, here: user, sees: true, send: a.asSession(t, "user", user)},
		{name: "viewer", signed: true, role: viewer, here: viewer, sees: true, send: a.asSession(t, "viewer", viewer)},
		{name: "without a role", signed: true, role: none, here: none, send: a.asSession(t, "none", none)},
		{
			name: "grant elsewhere", signed: true, role: none, here: none, sees: true,
			send: a.asSession(t, "elsewhere", none, "other: admin"),
		},
		{
			name: "grant here", signed: true, role: none, here: user, sees: true,
			send: a.asSession(t, "here", none, testCluster+": user"),
		},
		{
			name: "hidden here", signed: true, role: user, here: none, sees: true,
			send: a.asSession(t, "hidden", user, testCluster+": none"),
		},
		{
			name: "administrator here", signed: true, role: viewer, here: admin, sees: true,
			send: a.asSession(t, "local", viewer, testCluster+": admin"),
		},
		{name: "demoted", signed: true, role: viewer, here: viewer, sees: true, send: a.asSession(t, "demoted", admin)},
		{name: "disabled", send: a.asSession(t, "gone", admin)},
		{
			name: "token of a user", signed: true, token: true, role: user, here: user, sees: true,
			send: a.asToken(t, "user", NewToken{}),
		},
		{
			name: "token of an administrator", signed: true, token: true, role: admin, here: admin, sees: true,
			send: a.asToken(t, "root", NewToken{}),
		},
		{
			name: "read-only token", signed: true, token: true, role: viewer, here: viewer, sees: true,
			send: a.asToken(t, "root", NewToken{ReadOnly: true}),
		},
		{
			name: "token for elsewhere", signed: true, token: true, role: none, here: none, sees: true,
			send: a.asToken(t, "root", NewToken{Clusters: []string{"other"}}),
		},
		{name: "expired token", send: a.asToken(t, "root", NewToken{Life: time.Nanosecond})},
		{name: "token of a disabled user", send: a.asToken(t, "gone", NewToken{})},
		{name: "revoked token", send: a.asRevoked(t, "root")},
		{name: "made-up token", send: a.another().sendsWith("Authorization", "Bearer knm_x")},
	}
	a.admin(t, func(ad *Admin) {
		_, err := ad.SetRole(t.Context(), "demoted", "viewer")
		require.NoError(t, err)
		_, err = ad.DisableUser(t.Context(), "gone")
		require.NoError(t, err)
	})
	return all
}

// asSession adds a user and returns a function that sends requests with a login session
// of theirs.
func (a *testApp) asSession(
	t *testing.T, name string, role services.Role, grants ...string,
) func(method, path, body string) answer {
	t.Helper()
	a.admin(t, func(ad *Admin) {
		require.NoError(t, ad.AddUser(t.Context(), name, testPassword, string(role), grants))
	})
	b := a.another()
	require.Equal(t, http.StatusSeeOther, b.post("/login", credentials(name, testPassword)).status)
	return b.sends
}

// asToken returns a function that sends requests with a new token of a user.
func (a *testApp) asToken(t *testing.T, name string, n NewToken) func(method, path, body string) answer {
	t.Helper()
	n.Label = "test"
	var token string
	a.admin(t, func(ad *Admin) {
		var err error
		token, err = ad.CreateToken(t.Context(), name, n)
		require.NoError(t, err)
	})
	return a.another().sendsWith("Authorization", "Bearer "+token)
}

func (a *testApp) asRevoked(t *testing.T, name string) func(method, path, body string) answer {
	t.Helper()
	send := a.asToken(t, name, NewToken{})
	a.admin(t, func(ad *Admin) {
		tokens, err := ad.Tokens(t.Context(), name)
		require.NoError(t, err)
		_, err = ad.RevokeTokens(t.Context(), tokens[len(tokens)-1].ID)
		require.NoError(t, err)
	})
	return send
}

// sends sends a request as a browser does.
func (b *browser) sends(method, path, body string) answer { return b.sendsWith()(method, path, body) }

// sendsWith returns a function that sends requests with headers, and does not wait for
// the end of an event stream.
func (b *browser) sendsWith(headers ...string) func(method, path, body string) answer {
	return func(method, path, body string) answer {
		b.t.Helper()
		all := append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
		if strings.HasPrefix(path, "/events") {
			return b.begin(path, headers...)
		}
		return b.do(method, path, strings.NewReader(body), all...)
	}
}

// begin sends a request and returns the header of the response alone.
func (b *browser) begin(path string, headers ...string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	require.NoError(b.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.client.Do(req)
	require.NoError(b.t, err)
	require.NoError(b.t, res.Body.Close())
	return answer{status: res.StatusCode, header: res.Header}
}
