package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bashWords completes a line in bash as the key does, without the helpers of the package
// bash-completion, which not every machine has.
const bashWords = `
_get_comp_words_by_ref() {
	cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
}
source "completions/$1.bash"
function=$(complete -p "$1" | sed 's/.* -F \([^ ]*\) .*/\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
"$function" "$1"
printf '%s\n' "${COMPREPLY[@]}" | sed 's/ .*//'`

// completed returns the words that a shell offers for the last word of a line.
func completed(t *testing.T, dir, shell, script string, line ...string) []string {
	t.Helper()
	_, err := exec.LookPath(shell)
	if err != nil {
		t.Skipf("NOT TESTED: this machine has no %s", shell)
	}
	args := append([]string{"-c", script, shell}, line...)
	if shell == "zsh" {
		args = append([]string{"-f"}, args...)
	}
	cmd := exec.Command(shell, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	text, err := cmd.Output()
	require.NoError(t, err, "%s", text)
	return strings.Fields(string(text))
}

// Both programs of an archive are completed in a real bash.
func TestArchive_completesInBash(t *testing.T) {
	dir := unpackArchive(t, own)
	words := func(line ...string) []string { return completed(t, dir, "bash", bashWords, line...) }
	require.Equal(t, []string{"version"}, words("kube-node-manager", "ver"))
	require.Subset(t, words("kube-node-manager", ""), []string{"serve", "user", "token", "backup", "completion"})
	require.Equal(t, []string{"disable"}, words("kube-node-manager", "user", "dis"))
	require.Equal(t, []string{"--second-factor"}, words("kube-node-manager", "--second"), "the default command")
	require.Equal(t, []string{"--no-resume"}, words("kube-node-manager", "serve", "--no-res"))
	require.Equal(t, []string{"none", "viewer", "user", "admin"}, words("kube-node-manager", "user", "role", "ada", ""))
	require.Equal(t, []string{"admin"}, words("kube-node-manager", "user", "add", "--role", "a"))
	require.Equal(t, []string{"bash"}, words("kube-node-manager", "completion", "b"))
	require.Equal(t, []string{"drain"}, words("kubectl-node_mgr", "dr"))
	require.Equal(t, []string{"--no-browser"}, words("kubectl-node_mgr", "login", "--no-b"))
}

// zshWords lets zsh find a completion by the name of its file, as in the directory of a
// package, and prints what it would offer.
const zshWords = `
fpath=($PWD/zsh $fpath)
mkdir -p zsh
cp "completions/$1.zsh" "zsh/_$1"
autoload -U compinit
compinit -u -D
[[ ${_comps[$1]} = _$1 ]] || exit 1
_describe() { print -l -- ${completions%%:*} }
words=("$@") CURRENT=$#
_$1`

// zsh finds the file by its name, and offers the same words.
func TestArchive_completesInZsh(t *testing.T) {
	dir := unpackArchive(t, own)
	for _, command := range []string{"kube-node-manager", "kubectl-node_mgr"} {
		text, err := os.ReadFile(filepath.Join(dir, "completions", command+".zsh"))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), "#compdef "+command+"\n"))
	}
	require.Subset(t, completed(t, dir, "zsh", zshWords, "kube-node-manager", "user", ""), []string{"add", "passwd"})
	require.Contains(t, completed(t, dir, "zsh", zshWords, "kubectl-node_mgr", "dr"), "drain")
}
