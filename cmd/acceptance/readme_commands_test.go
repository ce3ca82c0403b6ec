package acceptance

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The targets of make that the documents name exist, and "make help" lists them.
func TestReadme_makeTargets(t *testing.T) {
	makefile := readDocument(t, "Makefile")
	named := regexp.MustCompile("(?m)(?:^    |`)make ([a-z]+)")
	all := 0
	for _, path := range []string{
		"README.md", "README.zh-CN.md", "docs/getting-started.md", "docs/administration.md", "docs/batches.md",
		"docs/kubectl.md", "docs/security.md", "docs/architecture.md", "docs/deploy/README.md",
	} {
		for _, m := range named.FindAllStringSubmatch(readDocument(t, path), -1) {
			require.Regexp(t, `(?m)^`+m[1]+`:.* ## `, makefile, "%s names make %s", path, m[1])
			all++
		}
	}
	require.Greater(t, all, 20)
}
