package ui

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// messages gives id → plural forms of one file set and language.
func messages(t *testing.T, set, locale string) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	paths, err := filepath.Glob("messages/" + set + "." + locale + ".json")
	require.NoError(t, err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var file map[string]any
		require.NoError(t, json.Unmarshal(raw, &file), path)
		for id, value := range file {
			forms := map[string]string{}
			switch value := value.(type) {
			case string:
				forms["other"] = value
			case map[string]any:
				for form, text := range value {
					forms[form] = text.(string)
				}
			}
			out[id] = forms
		}
	}
	return out
}

// sets gives the names of the sets of messages.
func sets(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("messages/*.en.json")
	require.NoError(t, err)
	out := make([]string, len(paths))
	for i, path := range paths {
		out[i] = strings.TrimSuffix(filepath.Base(path), ".en.json")
	}
	return out
}

var placeholder = regexp.MustCompile(`\.([A-Z]\w*)`)

func placeholders(forms map[string]string) []string {
	var out []string
	for _, text := range forms {
		for _, part := range regexp.MustCompile(`\{\{.*?\}\}`).FindAllString(text, -1) {
			for _, m := range placeholder.FindAllStringSubmatch(part, -1) {
				out = append(out, m[1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func ids(m map[string]map[string]string) []string {
	var out []string
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func TestMessages_sameInBothLanguages(t *testing.T) {
	for _, set := range sets(t) {
		en, zh := messages(t, set, "en"), messages(t, set, "zh-CN")
		require.Equal(t, ids(en), ids(zh), set)
		for id := range en {
			require.Equal(t, placeholders(en[id]), placeholders(zh[id]), id)
			require.Equal(t, len(en[id]) > 1, en[id]["one"] != "", "%s: English counts in one and other", id)
			require.Equal(t, []string{"other"}, formsOf(zh[id]), "%s: Chinese has one form", id)
			for _, text := range append(valuesOf(en[id]), valuesOf(zh[id])...) {
				require.NotEmpty(t, strings.TrimSpace(text), id)
			}
		}
	}
}

func formsOf(forms map[string]string) []string {
	var out []string
	for form := range forms {
		out = append(out, form)
	}
	return out
}

func valuesOf(forms map[string]string) []string {
	var out []string
	for _, text := range forms {
		out = append(out, text)
	}
	return out
}

func TestMessages_uiIdsAreOurs(t *testing.T) {
	for _, own := range sets(t) {
		ours := messages(t, own, "en")
		for _, set := range sets(t) {
			for id := range messages(t, set, "en") {
				if set != own {
					require.NotContains(t, ours, id, "also in %s", set)
				}
			}
		}
	}
}

func TestMessages_render(t *testing.T) {
	for _, locale := range Locales() {
		ctx := WithLocale(t.Context(), locale)
		for id, forms := range messages(t, "*", locale) {
			data := map[string]any{}
			for _, name := range placeholders(forms) {
				data[name] = "X"
			}
			for _, n := range []any{nil, 1, 2} {
				if n != nil && forms["one"] == "" && locale == LocaleEnglish {
					continue // it does not count
				}
				text, err := localize(ctx, id, data, n)
				require.NoError(t, err, id)
				require.NotEmpty(t, text, id)
				require.NotContains(t, text, "<no value>", id)
				require.NotContains(t, text, "{{", id)
			}
		}
	}
}

// sources gives the hand-written sources of this package.
func sources(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, pattern := range []string{"../*/*.go", "../*/*.templ"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go") {
				continue
			}
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			out.Write(raw)
		}
	}
	return out.String()
}

var call = regexp.MustCompile(`\b([TN])\(ctx, "([a-z0-9_]+)"`)

func TestMessages_callsMatch(t *testing.T) {
	source, known := sources(t), messages(t, "*", "en")
	for _, m := range call.FindAllStringSubmatchIndex(source, -1) {
		kind, id := source[m[2]:m[3]], source[m[4]:m[5]]
		rest := arguments(source[m[1]:])
		if strings.HasPrefix(rest, "+") {
			continue // a family of ids; see TestMessages_families
		}
		require.Contains(t, known, id)
		var given []string
		for _, a := range regexp.MustCompile(`"([A-Z]\w*)",`).FindAllStringSubmatch(rest, -1) {
			given = append(given, a[1])
		}
		if kind == "N" {
			given = append(given, "Count")
		}
		for _, name := range placeholders(known[id]) {
			require.Contains(t, given, name, id)
		}
	}
}

// arguments gives the rest of a call up to its closing bracket.
func arguments(s string) string {
	depth := 1
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[:i]
			}
		}
	}
	return s
}

func TestMessages_families(t *testing.T) {
	known := messages(t, "*", "en")
	for prefix, members := range families() {
		for _, member := range members {
			require.Contains(t, known, prefix+member)
		}
	}
}

func TestMessages_noneUnused(t *testing.T) {
	source := sources(t)
	used := map[string]bool{}
	for prefix, members := range families() {
		for _, member := range members {
			used[prefix+member] = true
		}
	}
	ours := messages(t, "ui", "en")
	maps.Copy(ours, messages(t, "plan", "en"))
	for _, set := range []string{"template", "label", "audit", "history", "control"} {
		for id, text := range messages(t, set, "en") {
			if !strings.HasPrefix(id, "error_") { // those are of the services
				ours[id] = text
			}
		}
	}
	for id := range ours {
		base := strings.TrimSuffix(id, "_hint")
		require.True(
			t, used[id] || strings.Contains(source, `"`+id+`"`) || used[base] && strings.HasPrefix(id, "code_"),
			"%s is not used", id,
		)
	}
}

func TestMatchLocale(t *testing.T) {
	tests := []struct{ cookie, header, want string }{
		{"", "", "en"},
		{"", "zh", "zh-CN"},
		{"", "zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"},
		{"", "de-DE,de;q=0.9", "en"},
		{"", "fr;q=0.2, zh-CN;q=0.9", "zh-CN"},
		{"", ";;;", "en"},
		{"zh-CN", "en", "zh-CN"},
		{"en", "zh-CN", "en"},
		{"xx", "zh-CN", "zh-CN"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, MatchLocale(tt.cookie, tt.header), "%+v", tt)
	}
	require.Equal(t, "en", Locale(t.Context()))
	require.Equal(t, "en", Locale(WithLocale(t.Context(), "de")))
}

func TestT(t *testing.T) {
	en, zh := t.Context(), WithLocale(t.Context(), LocaleChinese)
	require.Equal(t, "no_such_id", T(en, "no_such_id"))
	require.Equal(t, "1 node", N(en, "nodes_count", 1))
	require.Equal(t, "1,204 nodes", N(en, "nodes_count", 1204))
	require.Equal(t, "1,204 个节点", N(zh, "nodes_count", 1204))
	require.Equal(t, "taint: –", T(en, "token_taint"), "a missing value is no <no value>")
	require.Equal(
		t, "Request 1200000", Text(en, store.Text{ID: "request_id", Args: map[string]any{"ID": float64(1200000)}}),
	)
	require.Equal(t, `Request <b>&"`, T(en, "request_id", "ID", `<b>&"`), "escaping is templ's")
}

func TestNewProblem(t *testing.T) {
	ctx := t.Context()
	require.Nil(t, NewProblem(ctx, nil))
	p := NewProblem(ctx, services.NewError(services.CodeNotFound, "request_id", "ID", "7"))
	require.Equal(t, "Request 7", p.Text)
	require.Empty(t, p.Hint)
	p = NewProblem(ctx, services.NewError(services.CodeUnavailable, "offline"))
	require.Equal(t, T(ctx, "offline_hint"), p.Hint)
	p = NewProblem(ctx, services.NewError("odd", "no_such_id"))
	require.Equal(t, T(ctx, "problem_unknown"), p.Text)
	p = NewProblem(
		ctx, services.InvalidFields(services.FieldError{Field: "a", Text: "request_id", Args: services.Args("ID", 1)}),
	)
	require.Equal(t, map[string]string{"a": "Request 1"}, p.Fields)
	require.Equal(t, "Request 1", p.Field("a"))
	require.Empty(t, (*Problem)(nil).Field("a"))
}

// A drain empties a node (排空), an eviction moves one pod (驱逐). A reader of
// Chinese must be able to tell the two apart as well as one of English.
func TestMessages_chineseKeepsDrainAndEvictApart(t *testing.T) {
	english, chinese := messages(t, "*", "en"), messages(t, "*", "zh-CN")
	seen := 0
	for id, forms := range english {
		words := strings.ToLower(strings.Join(slices.Collect(maps.Values(forms)), " "))
		other := strings.Join(slices.Collect(maps.Values(chinese[id])), " ")
		drain, evict := strings.Contains(words, "drain"), strings.Contains(words, "evict")
		switch {
		case drain && !evict:
			seen++
			require.NotContains(t, other, "驱逐", id)
		case evict && !drain:
			require.NotContains(t, other, "排空", id)
		}
	}
	require.Greater(t, seen, 10)
}

// Each concept has one Chinese term, that of the Kubernetes documentation, and
// the texts are typeset like it: full-width punctuation, and a space between
// Chinese and Latin letters or digits.
func TestMessages_chineseTerms(t *testing.T) {
	discarded := strings.NewReplacer(
		"腾空", "排空", "清空", "排空", "中断预算", "干扰预算",
		"API server", "API 服务器", "API Server", "API 服务器",
		"账户", "账号", "你", "您", "方案", "计划",
	)
	squeezed := regexp.MustCompile(`\p{Han}[A-Za-z0-9]|[A-Za-z0-9]\p{Han}|\p{Han}[,;:!?(]`)
	for id, forms := range messages(t, "*", "zh-CN") {
		for _, text := range forms {
			require.Equal(t, discarded.Replace(text), text, id)
			require.Empty(t, squeezed.FindString(text), "%s: %s", id, text)
		}
	}
}
