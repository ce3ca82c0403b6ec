package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// suggested returns the suggestions for a word, each as "word count".
func suggested(word string) string {
	var out []string
	for _, s := range Suggest(languageNodes(), word) {
		text := s.Word
		if s.Nodes > 0 {
			text += fmt.Sprint(" ", s.Nodes)
		}
		out = append(out, text)
	}
	return strings.Join(out, " · ")
}

func TestSuggest(t *testing.T) {
	for word, want := range map[string]string{
		"zo":         "zone:",
		"zone:":      "zone:r1-a 2 · zone:r1-b 1",
		"zone:R1-B":  "zone:r1-b 1",
		"zone=r1-b":  "",
		"zone:-b":    "zone:r1-b 1",
		"!zone:":     "!zone:r1-a 1 · !zone:r1-b 2",
		"-zone=":     "-zone=r1-a 1 · -zone=r1-b 2",
		"zone!=":     "zone!=r1-a 1 · zone!=r1-b 2",
		"rea":        "ready 2 · reason:",
		"!rea":       "!ready 1 · !reason:",
		"gp":         "label=nvidia.com/gpu.count 2 · label=gpu 1 · pool=gpu 2 · pool=gpu-2 1 · taint=gpu 1",
		"t":          "taint: · label=tier 2 · two 1 · three 1",
		"two":        "",
		"tier=":      "tier=db 1 · tier=web 1",
		"tier!=w":    "tier!=web 2",
		"taint:":     "taint:gpu 1",
		"taint:gpu=": "taint:gpu=a100:NoSchedule 1",
		"label:ti":   "label:tier 2",
		"label=env=": "label=env=Prod 1 · label=env=prod 1 · label=env=stage 1",
		"by:":        "by:li 1",
		"reason:":    `reason:"new kernel" 1`,
		"cpu>8":      "cpu>80%",
		"age<":       "age<1h · age<1d · age<7d · age<30d · age<365d",
		"version<":   "version<1.36.10 · version<1.36.2+k3s1 · version<1.35.4",
		"nothing":    "",
		"x:":         "",
		":":          "",
		"!":          suggestedAfter("!"),
		"condition:": "condition:DiskPressure 1 · condition:Drained 1",
		"status:":    "status:Ready 3 · status:NotReady 1",
	} {
		require.Equal(t, want, suggested(word), word)
	}
	require.True(t, strings.HasPrefix(suggested(""), "zone: · pool: · cpu>"), suggested(""))
}

// suggestedAfter returns what is suggested after the sign of a negation alone.
func suggestedAfter(sign string) string {
	return sign + strings.ReplaceAll(suggested(""), "· ", "· "+sign)
}

// Every finished suggestion finds as many nodes as it says.
func TestSuggest_counts(t *testing.T) {
	seen := 0
	for _, word := range []string{
		"r", "c", "g", "l", "v", "n", "e", "zone:", "pool=", "pool!=", "!zone:", "taint:", "taint=gpu=", "label=",
		"label=env=",

		"env=", "tier!=", "by:", "reason:", "condition=", "version=", "role=", "status=", "-status:",
	} {
		for _, s := range Suggest(languageNodes(), word) {
			if s.Nodes == 0 {
				continue
			}
			seen++
			require.Len(t, strings.Fields(found(t, s.Word)), s.Nodes, s.Word)
		}
	}
	require.Greater(t, seen, 30)
}

func TestSuggest_isBounded(t *testing.T) {
	nodes := make([]*Node, 5_000)
	for i := range nodes {
		nodes[i] = &Node{Name: fmt.Sprintf("n-%d", i), Pool: fmt.Sprintf("n-pool-%d", i)}
	}
	for _, word := range []string{"n", "pool=", "name:"} {
		require.LessOrEqual(t, len(Suggest(nodes, word)), maxSuggestions)
	}
}
