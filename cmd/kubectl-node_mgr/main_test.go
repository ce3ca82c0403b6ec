package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server stands in for the program: it records forms and answers what a test says.
type server struct {
	*httptest.Server
	forms  []url.Values
	tokens []string
	plan   string
	answer func(form url.Values) (status int, body string)
}

const done = `{"id":"b1","cluster":"prod","operation":"cordon","state":"succeeded","endedAt":"2026-01-02T03:04:05Z",
	"total":2,"counts":{"succeeded":2}}`

const simplePlan = `{"operation":"cordon","digest":"d1","summary":{"total":2,"changed":2},
	"nodes":[{"node":"a","change":{"before":{},"after":{"unschedulable":true}}},
	         {"node":"b","change":{"before":{},"after":{"unschedulable":true}}}]}`

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{plan: simplePlan, answer: func(url.Values) (int, string) { return 200, done }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(raw))
		s.tokens = append(s.tokens, r.Header.Get("Authorization"))
		status, body := 200, s.plan
		if r.URL.Path == "/clusters" {
			body = `{"items":[{"name":"prod"},{"name":"old","disabled":true}]}`
		} else if !strings.HasSuffix(r.URL.Path, "/preview") {
			s.forms = append(s.forms, form)
			status, body = s.answer(form)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s
}

// said is how a run of the plugin went.
type said struct {
	code      int
	out, errs string
}

// call runs the plugin in the process of the test; stdin is what somebody types, if asks.
func (s *server) call(t *testing.T, stdin string, asks bool, args ...string) said {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{envServer: s.URL, envToken: "secret", "XDG_CONFIG_HOME": t.TempDir()}
	code := run(t.Context(), args, streams{
		in: strings.NewReader(stdin), out: &out, err: &errs, asks: asks,
		env: func(name string) string { return env[name] }, width: func() int { return 80 },
	})
	return said{code, out.String(), errs.String()}
}

func TestArguments_becomeFields(t *testing.T) {
	s := newServer(t)
	for line, want := range map[string]string{
		"cordon a b": "node=a&node=b&operation=cordon",
		"drain a --delete-emptydir --timeout 5m --ignore_daemonsets=false": "delete_emptydir=1&ignore_daemonsets=0&" +
			"node=a&operation=drain&timeout=5m",
		"drain a --delete-emptydir-data --pod-selector app=x": "delete_emptydir=1&node=a&" +
			"operation=drain&pod_selector=app%3Dx",
		"label a b tier=gold old- --mode replace": "label=tier%3Dgold&label=old-&" +
			"mode=replace&node=a&node=b&operation=label",
		"taint a x:NoSchedule y=1:NoExecute-": "node=a&operation=taint&" +
			"taint=x%3ANoSchedule&taint=y%3D1%3ANoExecute-",
		"annotate --all owner=ml --except c":  "all=1&annotation=owner%3Dml&except=c&operation=annotate",
		"uncordon -l team --reason why":       "all=1&filter.q=label%3Dteam&operation=uncordon&reason=why",
		"cordon --search notready --canary 1": "all=1&canary=1&filter.q=notready&operation=cordon",
		"cordon a --confirm prod --others":    "confirm=prod&node=a&operation=cordon&others=1",
	} {
		s.forms = nil
		got := s.call(t, "", false, append(strings.Fields(line), "--yes")...)
		require.Equal(t, exitDone, got.code, "%s: %s", line, got.errs)
		require.Len(t, s.forms, 1)
		require.Equal(t, "d1", s.forms[0].Get("plan"))
		require.True(t, strings.HasPrefix(s.forms[0].Get("idempotency_key"), "kubectl-"))
		s.forms[0].Del("plan")
		s.forms[0].Del("idempotency_key")
		require.Equal(t, want, s.forms[0].Encode(), line)
	}
	require.Subset(t, []string{"Bearer secret"}, s.tokens)
}

func TestArguments_wrong(t *testing.T) {
	s := newServer(t)
	for line, want := range map[string]string{
		"dance":                         "unknown command",
		"cordon":                        "give either names of nodes",
		"cordon a --all":                "give either names of nodes",
		"cordon a --nonsense":           "unknown flag: --nonsense",
		"cordon a":                      "give --yes to start",
		"cordon a -o yaml":              "text or json",
		"undo":                          "accepts 1 arg(s)",
		"status --wait":                 "needs the ID of a batch",
		"history extra":                 "accepts at most 0 arg(s)",
		"history --server ftp://x":      "is an address such as",
		"history --server http://x.org": "plain text",
		"history --token-file none":     "the token cannot be read",
		"logout":                        "there is no stored sign-in",
	} {
		got := s.call(t, "", false, strings.Fields(line)...)
		require.Equal(t, exitRefused, got.code, line)
		require.Contains(t, got.errs, want, line)
		require.Empty(t, s.forms, line)
	}
}

func TestSelector_inWordsOfTheSearch(t *testing.T) {
	for selector, want := range map[string]string{
		"":                  "",
		"team":              "label=team",
		"!team":             "!label=team",
		"a,b":               "label=a label=b",
		"pool=gpu":          "pool=gpu",
		"pool=gpu,!spot":    "pool=gpu,!spot",
		"a,!b":              "a,!b",
		"env in (a, b)":     "env in (a, b)",
		"gpus>4":            "gpus>4",
		"tier!=web":         "tier!=web",
		"example.com/a,b=c": "example.com/a,b=c",
	} {
		require.Equal(t, want, asSearch(selector), selector)
	}
}

func TestQuestions(t *testing.T) {
	s := newServer(t)
	got := s.call(t, "n\n", true, "cordon", "a")
	require.Equal(t, exitRefused, got.code)
	require.Contains(t, got.errs, "nothing was started")
	require.Empty(t, s.forms)
	require.Equal(t, exitDone, s.call(t, "y\n", true, "cordon", "a").code)
	require.Len(t, s.forms, 1)

	s.plan = strings.Replace(simplePlan, `"digest"`, `"reach":[{"kind":"pool","name":"gpu","nodes":2,"of":2}],"digest"`, 1)
	got = s.call(t, "y\n", true, "cordon", "a")
	require.Equal(t, exitRefused, got.code, "a plan that reaches far wants more than y")
	require.Contains(t, got.out, "no node of pool gpu takes pods afterwards (--reach)")
	require.Equal(t, exitDone, s.call(t, "prod\n", true, "cordon", "a").code)
}

func TestConsents(t *testing.T) {
	s := newServer(t)
	s.answer = func(form url.Values) (int, string) {
		for field, want := range map[string]string{"confirm": "prod", "confirm_pods": "7", "others": "1"} {
			if form.Get(field) != want {
				return 422, `{"error":{"code":"invalid","message":"Not valid.","fields":{"` + field + `":"Consent."}}}`
			}
		}
		return 200, done
	}
	got := s.call(t, "", false, "cordon", "a", "--yes")
	require.Equal(t, exitRefused, got.code)
	require.Regexp(t, `--(confirm|confirm-pods|others): Consent\.`, got.errs)
	got = s.call(t, "", false, "cordon", "a", "--yes", "--confirm", "prod", "--confirm-pods", "7", "--others")
	require.Equal(t, exitDone, got.code, got.errs)

	s.answer = func(form url.Values) (int, string) {
		if form.Get("confirm") == "prod" && form.Get("others") == "1" {
			return 200, done
		}
		return 422, `{"error":{"code":"invalid","fields":{"confirm":"Type prod.","others":"Others are there."}}}`
	}
	require.Equal(t, exitDone, s.call(t, "y\nprod\ny\n", true, "cordon", "a").code, "somebody is asked for each")
	require.Equal(t, exitRefused, s.call(t, "y\nprod\nn\n", true, "cordon", "a").code)
	require.Equal(t, exitRefused, s.call(t, "y\nwrong\ny\n", true, "cordon", "a").code)
}

func TestExitCodes(t *testing.T) {
	s := newServer(t)
	batchIn := func(state, rest string) string {
		return `{"id":"b1","cluster":"prod","state":"` + state + `","total":1,"counts":{"failed":1}` + rest + `}`
	}
	const ended = `,"endedAt":"2026-01-02T03:04:05Z"`
	for body, want := range map[string]int{
		done:                                          exitDone,
		batchIn("failed", ended):                      exitFailed,
		batchIn("partial", ended):                     exitFailed,
		batchIn("cancelled", ended):                   exitFailed,
		batchIn("running", ""):                        exitDone,
		batchIn("proposed", ""):                       exitWaits,
		batchIn("scheduled", ""):                      exitWaits,
		batchIn("interrupted", ""):                    exitWaits,
		batchIn("running", `,"paused":true`):          exitWaits,
		batchIn("running", `,"gate":{"canary":true}`): exitWaits,
	} {
		s.answer = func(url.Values) (int, string) { return 202, body }
		require.Equal(t, want, s.call(t, "", false, "cordon", "a", "--yes").code, body)
	}
	for status, want := range map[int]int{403: exitRefused, 404: exitRefused, 429: exitUnreachable, 503: exitUnreachable} {
		s.answer = func(url.Values) (int, string) { return status, `{"error":{"message":"No."}}` }
		got := s.call(t, "", false, "cordon", "a", "--yes")
		require.Equal(t, want, got.code, status)
		require.Contains(t, got.errs, "No.")
	}
	s.Close()
	require.Equal(t, exitUnreachable, s.call(t, "", false, "history").code)
}

// Nodes may change between the plan and the start: with --yes it is planned again.
func TestConflict_isPlannedAgain(t *testing.T) {
	s := newServer(t)
	s.answer = func(url.Values) (int, string) {
		if len(s.forms) < tries {
			return 409, `{"error":{"code":"conflict","message":"Nodes have changed."}}`
		}
		return 200, done
	}
	require.Equal(t, exitDone, s.call(t, "", false, "cordon", "a", "--yes").code)
	require.NotEqual(t, s.forms[0].Get("idempotency_key"), s.forms[1].Get("idempotency_key"))
	s.forms = nil
	require.Equal(t, exitRefused, s.call(t, "y\n", true, "cordon", "a").code, "somebody who has seen the plan looks again")
	require.Len(t, s.forms, 1)
}

func TestJSON_isTheAnswerAlone(t *testing.T) {
	s := newServer(t)
	require.Equal(t, done, s.call(t, "", false, "cordon", "a", "--yes", "-o", "json").out)
	require.Equal(t, simplePlan, s.call(t, "", false, "cordon", "a", "--dry-run", "-o", "json").out)
	got := s.call(t, "y\n", true, "cordon", "a", "-o", "json")
	require.Equal(t, done, got.out)
	require.Contains(t, got.errs, "Plan: cordon 2 nodes of cluster prod")
}

func TestLogin_keepsTokensByServer(t *testing.T) {
	s := newServer(t)
	s.answer = func(url.Values) (int, string) { return 200, `{"user":{"name":"grace"}}` }
	home := t.TempDir()
	call := func(stdin string, args ...string) int {
		return run(t.Context(), args, streams{
			in: strings.NewReader(stdin), out: io.Discard, err: io.Discard,
			env: func(name string) string { return map[string]string{"XDG_CONFIG_HOME": home}[name] },
		})
	}
	require.Equal(t, exitRefused, call("\n", "login", "--server", s.URL), "no token")
	require.Equal(t, exitDone, call("knm_1\n", "login", "--server", s.URL+"/", "--cluster", "prod"))
	path := filepath.Join(home, "kubectl-node_mgr", "config.json")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var kept store
	require.NoError(t, json.Unmarshal(raw, &kept))
	require.Equal(t, store{Server: s.URL, Cluster: "prod", Tokens: map[string]string{s.URL: "knm_1"}}, kept)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	other := newServer(t)
	require.Equal(t, exitDone, call("", "history", "--server", other.URL))
	require.Equal(t, []string{""}, other.tokens, "each token goes to its own server only")
	require.Equal(t, exitDone, call("", "logout"))
	require.Equal(t, exitRefused, call("", "history"))
}

func TestProgress(t *testing.T) {
	var b batch
	require.NoError(t, json.Unmarshal([]byte(`{"id":"b1","state":"running","total":4,
		"counts":{"succeeded":1,"running":2,"failed":1},"full":{"kind":"pool","name":"gpu","max":2,"now":2,"after":3},
		"waitsFor":["b0"],"leases":[{"node":"c","holder":"nhc"}],"converging":1,
		"drain":{"podsLeft":3,"podsEvicted":9,"nodes":[
		 {"node":"a","blocks":[{"pod":"shop/w1","budget":"shop/web","healthy":2,"needed":2,"since":"2026-01-02T03:04:00Z"}],
		  "waits":[{"pod":"ci/job"}]},
		 {"node":"b","blocks":[{"pod":"shop/w2","budget":"shop/web","healthy":2,"needed":2,"since":"2026-01-02T03:03:00Z"}],
		  "restarts":[{"pod":"shop/c1","deployment":"shop/cart"}]}]}}`), &b))
	now := time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	var out bytes.Buffer
	p := progress{w: &out, redraws: true, width: func() int { return 200 }, now: func() time.Time { return now }}
	p.show(b)
	want := `[###############---------------] 2 of 4 nodes: 1 succeeded, 1 failed, 2 running; 3 pods left, 9 evicted
waits for batches that have some of its nodes: b0
waits for room: of the nodes of pool gpu, at most 2 may be out of service; now 2, then 3
waits for the lease of c, which nhc holds
waits for budget shop/web (2 healthy, 2 needed): 2 pods, such as shop/w1, on a, b, for 2m0s
waits until ci/job on a has completed
waits for new pods of shop/cart, which replace shop/c1
waits until the control plane has followed on 1 node
`
	require.Equal(t, want, out.String())
	out.Reset()
	p.width = func() int { return 40 }
	p.show(b)
	require.True(t, strings.HasPrefix(out.String(), "\x1b[8A\x1b[J["), "the lines before are replaced")
	for _, line := range strings.Split(out.String(), "\n") {
		require.LessOrEqual(t, len([]rune(strings.TrimPrefix(line, "\x1b[8A\x1b[J"))), 39)
	}

	out.Reset()
	plain := progress{w: &out, now: func() time.Time { return now }}
	plain.show(b)
	plain.show(b)
	b.Counts.Succeeded++
	plain.show(b)
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "no line for each look")
	now = now.Add(quiet)
	plain.show(b)
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), "\x1b")
}

func TestPlan_drain(t *testing.T) {
	var p plan
	require.NoError(t, json.Unmarshal([]byte(`{"operation":"drain","summary":{"total":1,"changed":1},
		"nodes":[{"node":"a\u001b[2J","change":{"before":{"labels":{"x":"1"},"taints":{"k:NoSchedule":null}},
		  "after":{"labels":{"x":null},"taints":{"k:NoSchedule":{"key":"k","value":"v","effect":"NoSchedule"}}}},
		  "warnings":["Careful."]}],
		"drain":{"summary":{"evict":3,"acknowledge":1},
		 "nodes":[{"node":"a","pods":[{"namespace":"n","name":"p","verdict":"acknowledge","needs":"delete_emptydir",
		  "reasons":["It has data."]},{"namespace":"n","name":"q","verdict":"evict"}]}],
		 "budgets":[{"name":"n/q","demand":3,"allowed":1},{"name":"n/free","demand":1,"allowed":1}],
		 "fit":{"pods":3,"nodes":2,"fits":{"mark":"exact","value":3}}},
		"named":["zone"],"evictions":{"pods":2},"others":{"a":[{"kind":"karpenter"}]},
		"exceeded":[{"kind":"cluster","max":1,"now":1,"after":2}],"start":{"approval":true}}`), &p))
	var out bytes.Buffer
	p.write(&out, "prod")
	require.Equal(t, `Plan: drain 1 node of cluster prod
  label x- (was 1), taint k:NoSchedule=v: a`+"\uFFFD"+`[2J
  warning: Careful: a`+"\uFFFD"+`[2J
  3 pods to evict
  1 pod to be agreed to
  n/p on a: It has data. (--delete-emptydir)
  budget n/q: 3 pods to evict, 1 allowed now
  room on other nodes for 3 of 3 pods (exact)
  protected: zone (--confirm CLUSTER)
  NoExecute evicts 2 pods at once, without regard to budgets (--confirm-pods 2)
  others at work on a: karpenter (--others)
  limit: of the nodes of the cluster, at most 1 may be out of service; now 1, then 2: refused (--exceed CLUSTER)
  a second person has to approve it
1 to change, 0 unchanged, 0 not possible
`, out.String())
	require.ErrorContains(t, p.obstacle(), "give --delete-emptydir, or leave their nodes out")
}
