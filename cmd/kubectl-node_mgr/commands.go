package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An app is one run of the plugin.
type app struct {
	streams
	settings
	client *client // nil before connect
}

// newRoot returns the command line.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-node_mgr",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl node_mgr"},
		Short:       "Maintain nodes with Kube Node Manager: plans first, progress, history and undo",
		Version:     version, SilenceErrors: true, SilenceUsage: true,
	}
	root.SetGlobalNormalizationFunc(spelling)
	a.addSettings(root)
	root.AddCommand(a.loginCommand(), a.logoutCommand(), a.statusCommand(), a.historyCommand(), a.undoCommand())
	root.AddCommand(a.operationCommands()...)
	root.AddCommand(a.controlCommands()...)
	return root
}

// spelling lets flags be written as the fields of the API are, and as those of kubectl.
func spelling(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	name = strings.ReplaceAll(name, "_", "-")
	if name == "delete-emptydir-data" {
		name = "delete-emptydir"
	}
	return pflag.NormalizedName(name)
}

func (a *app) addSettings(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.server, "server", "", "address of Kube Node Manager ($"+envServer+", or that of the last login)")
	f.StringVar(&a.settings.cluster, "cluster", "",
		"cluster, as the server names it ($"+envCluster+"; not needed if there is only one)")
	f.StringVar(&a.token, "token", "", "token; other users of this machine may see it, so prefer login or --token-file")
	f.StringVar(&a.tokenFile, "token-file", "",
		"file with the token ($"+envTokenFile+"; $"+envToken+" has a token itself)")
	f.StringVar(&a.authority, "certificate-authority", "", "file with the certificates to trust, in PEM")
	f.BoolVar(&a.insecure, "insecure-http", false, "send the token in plain text to an http:// address of another machine")
	f.StringVarP(&a.output, "output", "o", "text", "text, or json for the answer of the server as it is")
	_ = root.RegisterFlagCompletionFunc("cluster", a.completeClusters)
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, noFiles))
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.output != "text" && a.output != "json" {
			return refuse("--output is text or json, not %q", a.output)
		}
		return nil
	}
}

const noFiles = cobra.ShellCompDirectiveNoFileComp

func (a *app) json() bool { return a.output == "json" }
