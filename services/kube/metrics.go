package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// metricsPath is the address of what nodes use. An API server of its own answers it,
// usually metrics-server; many clusters have none.
const metricsPath = "/apis/metrics.k8s.io/v1beta1/nodes"

// metricsTimeout bounds the read of what nodes use. Nobody should wait long for it.
const metricsTimeout = 5 * time.Second

// InUse is what runs on a node uses, as its kubelet has measured it.
type InUse struct {
	CPU    int64 `json:"usedMilliCPU"`
	Memory int64 `json:"usedMemoryBytes"`
}

// NodeMetrics returns what each node uses, by node name.
//
// Errors: CodeNotFound or CodeUnavailable if the cluster has no metrics API, or it does
// not answer.
func (c *Client) NodeMetrics(ctx context.Context) (map[string]InUse, error) {
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	request := c.reads.Discovery().RESTClient().Get().AbsPath(metricsPath).SetHeader("Accept", "application/json")
	raw, err := request.Do(ctx).Raw()
	if err != nil {
		return nil, Explain(err, "list nodes.metrics.k8s.io")
	}
	return decodeMetrics(raw)
}

func decodeMetrics(raw []byte) (map[string]InUse, error) {
	var list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Usage map[string]resource.Quantity `json:"usage"`
		} `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("decode the metrics of nodes: %w", err)
	}
	used := make(map[string]InUse, len(list.Items))
	for _, item := range list.Items {
		cpu, memory := item.Usage["cpu"], item.Usage["memory"]
		used[item.Metadata.Name] = InUse{CPU: cpu.MilliValue(), Memory: memory.Value()}
	}
	return used, nil
}
