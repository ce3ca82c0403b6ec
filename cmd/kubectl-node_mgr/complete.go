package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completeTimeout bounds how long a shell waits for the server.
const completeTimeout = 5 * time.Second

// clusterNames returns the clusters that the user sees.
func (a *app) clusterNames(ctx context.Context) ([]string, error) {
	var list struct {
		Items []struct {
			Name     string
			Disabled bool
		}
	}
	_, err := a.client.get(ctx, "/clusters", nil, &list)
	var names []string
	for _, c := range list.Items {
		if !c.Disabled {
			names = append(names, c.Name)
		}
	}
	return names, err
}

// nodeNames returns the nodes of the cluster.
func (a *app) nodeNames(ctx context.Context) ([]string, error) {
	if err := a.chooseCluster(ctx); err != nil {
		return nil, err
	}
	var names []string
	for page := 1; ; page++ {
		var list struct {
			Items []struct{ Name string }
			Total int
		}
		query := url.Values{"size": {"200"}, "page": {fmt.Sprint(page)}, "sort": {"name"}}
		_, err := a.client.get(ctx, "/clusters/"+url.PathEscape(a.cluster)+"/nodes", query, &list)
		if err != nil {
			return nil, err
		}
		for _, n := range list.Items {
			names = append(names, n.Name)
		}
		if len(list.Items) == 0 || len(names) >= list.Total {
			return names, nil
		}
	}
}

// batchIDs returns the newest batches.
func (a *app) batchIDs(ctx context.Context) ([]string, error) {
	var list batchList
	_, err := a.client.get(ctx, "/batches", nil, &list)
	var ids []string
	for _, b := range list.Items {
		ids = append(ids, b.ID+"\t"+string(b.Operation)+" in "+string(b.Cluster)+", "+string(b.State))
	}
	return ids, err
}

// complete asks the server for the words that a shell offers. Without an answer there are
// none.
func (a *app) complete(
	c *cobra.Command, typed string, names func(context.Context) ([]string, error),
) ([]string, cobra.ShellCompDirective) {
	ctx := c.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	if err := a.connect(); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all, err := names(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var fit []string
	for _, name := range all {
		if strings.HasPrefix(name, typed) {
			fit = append(fit, name)
		}
	}
	return fit, noFiles
}

func (a *app) completeClusters(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(c, typed, a.clusterNames)
}

func (a *app) completeNodes(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(c, typed, a.nodeNames)
}

func (a *app) completeBatches(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	return a.complete(c, typed, a.batchIDs)
}
