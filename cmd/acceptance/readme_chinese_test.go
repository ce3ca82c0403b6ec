package acceptance

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README in Chinese has the sections, commands, pictures and links of the other one;
// only the long tables of settings and routes are not repeated.
func TestReadme_chinese(t *testing.T) {
	english, chinese := readDocument(t, "README.md"), readDocument(t, "README.zh-CN.md")
	require.Contains(t, english, "(README.zh-CN.md)")
	require.Contains(t, chinese, "(README.md)")

	heading := regexp.MustCompile(`(?m)^(#+) .+$`)
	levels := func(text string) (all []string) {
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		return all
	}
	commands := func(text string) string {
		return strings.Join(regexp.MustCompile(`(?m)^    \S.*$`).FindAllString(text, -1), "\n")
	}
	require.Equal(t, levels(withoutCommands(english)), levels(withoutCommands(chinese)))
	require.Equal(t, commands(english), commands(chinese))

	pictures := regexp.MustCompile(`(?:src|srcset)="([^"]+)"`)
	require.Equal(t, found(pictures, english), found(pictures, chinese))
	links := regexp.MustCompile(`\]\(((?:docs/|LICENSE)[^)]*)\)`)
	for _, link := range found(links, english) {
		require.Contains(t, chinese, "("+link+")")
	}
	features := regexp.MustCompile(`(?m)^- `)
	require.Len(t, features.FindAllString(chinese, -1), len(features.FindAllString(english, -1)))
}

// withoutCommands returns a document without its blocks of commands, whose comments look
// like headings.
func withoutCommands(text string) string {
	return regexp.MustCompile(`(?m)^    .*$`).ReplaceAllString(text, "")
}

// found returns what the first group of an expression finds, sorted.
func found(expression *regexp.Regexp, text string) (all []string) {
	for _, m := range expression.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A setting that the README in Chinese explains is one of the program, with its default.
func TestReadme_chineseSettings(t *testing.T) {
	english, chinese := readDocument(t, "README.md"), readDocument(t, "README.zh-CN.md")
	row := regexp.MustCompile("(?m)^\\| (`--\\S+`) \\| (`KNM_\\w+`) \\| (`[^`]+`)? *\\|")
	rows := row.FindAllStringSubmatch(chinese, -1)
	require.Greater(t, len(rows), 5)
	for _, m := range rows {
		want := "| " + m[1] + " | " + m[2] + " | " + strings.TrimSpace(m[3]) + " |"
		require.Contains(t, english, want)
	}
}
