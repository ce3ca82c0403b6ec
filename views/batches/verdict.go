package batches

import (
	"context"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// VerdictKind returns the mark of a verdict of a drain on a pod.
func VerdictKind(v drain.Verdict) string {
	switch v {
	case drain.Never:
		return "bad"
	case drain.Acknowledge:
		return "ask"
	case drain.Blocked:
		return "warn"
	case drain.WaitCompleted:
		return "hold"
	case drain.Wait:
		return "ending"
	case drain.Evict, drain.Restart:
		return "run"
	case drain.Skip:
		return "same"
	default:
		return "idle"
	}
}

// VerdictWord returns a verdict in words, for n pods.
func VerdictWord(ctx context.Context, v drain.Verdict, n int) string {
	return ui.N(ctx, "pod_"+strings.ReplaceAll(string(v), "-", "_"), n)
}

// ReasonsText returns the reasons of a verdict in words.
func ReasonsText(ctx context.Context, reasons []*services.Error) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = ui.ErrorText(ctx, r)
	}
	return strings.Join(texts, " · ")
}

// VerdictCount returns the number of pods with a verdict. The number to evict excludes
// the pods that have to wait for a budget or whose budget is unknown.
func VerdictCount(c drain.Counts, v drain.Verdict) int {
	switch v {
	case drain.Never:
		return c.Never
	case drain.Acknowledge:
		return c.Acknowledge
	case drain.Blocked:
		return c.Blocked
	case drain.Unknown:
		return c.Unknown
	case drain.Wait:
		return c.Wait
	case drain.WaitCompleted:
		return c.WaitCompleted
	case drain.Restart:
		return c.Restart
	case drain.Evict:
		return c.Evict - c.Blocked - c.Unknown
	default:
		return c.Skip
	}
}
