package main

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// kong has no completion. cobra, which the plugin of kubectl uses, has one for each shell,
// so it gets the same commands and flags, and runs nothing of them.

type completionCmd struct {
	Shell string `arg:"" help:"The shell: ${enum}." enum:"bash,zsh,fish"`
}

// Run prints the completion for a shell.
func (c *completionCmd) Run(k *kong.Kong, s streams) error {
	words := completions(k.Model.Node)
	switch c.Shell {
	case "bash":
		return words.GenBashCompletionV2(s.out, true)
	case "zsh":
		return words.GenZshCompletion(s.out)
	default:
		return words.GenFishCompletion(s.out, true)
	}
}

// completes reports whether a shell asks for words, with a command of the scripts of cobra.
func completes(args []string) bool {
	asks := []string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}
	return len(args) > 0 && slices.Contains(asks, args[0])
}

// complete prints the words that a shell asks for.
func complete(ctx context.Context, k *kong.Kong, args []string, s streams) error {
	words := completions(k.Model.Node)
	words.SetArgs(args)
	words.SetIn(s.in)
	words.SetOut(s.out)
	words.SetErr(s.err)
	return words.ExecuteContext(ctx)
}

// completions returns the commands and flags below a node.
func completions(n *kong.Node) *cobra.Command {
	root := wordsOf(n)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // kong has none
	if n.DefaultCmd != nil {
		addFlags(root, n.DefaultCmd)
	}
	return root
}

func wordsOf(n *kong.Node) *cobra.Command {
	c := &cobra.Command{
		Use: n.Name, Short: n.Help, Hidden: n.Hidden, SilenceErrors: true, SilenceUsage: true,
		ValidArgsFunction: argumentsOf(n), Run: func(*cobra.Command, []string) {},
	}
	addFlags(c, n)
	for _, child := range n.Children {
		c.AddCommand(wordsOf(child))
	}
	return c
}

// argumentsOf returns what completes the arguments of a command.
func argumentsOf(n *kong.Node) cobra.CompletionFunc {
	return func(_ *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(before) >= len(n.Positional) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return valuesOf(n.Positional[len(before)], typed)
	}
}

// addFlags adds the flags of a node, and those for all of its commands.
func addFlags(c *cobra.Command, n *kong.Node) {
	for _, f := range n.Flags {
		if f.Hidden || c.Flags().Lookup(f.Name) != nil {
			continue
		}
		added := flagOf(f, f.Name)
		if f.Short != 0 {
			added.Shorthand = string(f.Short)
		}
		c.Flags().AddFlag(added)
		values := func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return valuesOf(f.Value, typed)
		}
		_ = c.RegisterFlagCompletionFunc(f.Name, values) // it is there
		if f.Tag.Negatable != "" {
			c.Flags().AddFlag(flagOf(f, "no-"+f.Name))
		}
	}
}

func flagOf(f *kong.Flag, name string) *pflag.Flag {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	if f.IsBool() {
		set.Bool(name, false, f.Help)
	} else {
		set.String(name, "", f.Help)
	}
	return set.Lookup(name)
}

// takesFile matches the names of flags and arguments that are files or directories.
var takesFile = regexp.MustCompile(`^(file|data|kubeconfig|tls-cert|tls-key)$|-(file|ca)$`)

// valuesOf returns the values of a flag or argument that begin as typed, or whether it is a
// file.
func valuesOf(v *kong.Value, typed string) ([]string, cobra.ShellCompDirective) {
	switch {
	case v.Enum != "":
		others := func(value string) bool { return !strings.HasPrefix(value, typed) }
		return slices.DeleteFunc(strings.Split(v.Enum, ","), others), cobra.ShellCompDirectiveNoFileComp
	case v.Target.Kind() != reflect.Bool && takesFile.MatchString(v.Name):
		return nil, cobra.ShellCompDirectiveDefault
	default:
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
