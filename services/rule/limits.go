package rule

import (
	"strconv"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// Limits are how many nodes may be out of service at once, whoever took them out: those
// that are cordoned or not ready.
type Limits struct {
	Cluster Amount `json:"cluster"` // of the whole cluster
	Pool    Amount `json:"pool"`    // of each pool
	// Wait makes a batch wait for room. Without it, a batch for which there is no room is
	// refused.
	Wait bool `json:"wait"`
}

// None reports whether there are no limits.
func (l Limits) None() bool { return l.Cluster == "" && l.Pool == "" }

func (l *Limits) read(r *form.Reader) {
	l.Cluster = readAmount(r, "limit_cluster", l.Cluster)
	l.Pool = readAmount(r, "limit_pool", l.Pool)
	l.Wait = flag(r, "limit_wait", l.Wait)
}

func (l *Limits) fields(f form.Fields) {
	putText(f, "limit_cluster", string(l.Cluster))
	putText(f, "limit_pool", string(l.Pool))
	putFlag(f, "limit_wait", l.Wait)
}

// Amount is a number of nodes, as "3", or a share of them, as "10%"; "" is no limit.
type Amount string

// Of returns the amount for so many nodes. A share is rounded down, and is at least one
// node: a small pool must not be closed to maintenance.
func (a Amount) Of(total int) (most int, limited bool) {
	if a == "" {
		return 0, false
	}
	percent, share := strings.CutSuffix(string(a), "%")
	n, err := strconv.Atoi(percent)
	switch {
	case err != nil:
		return 0, true // it was checked when it was set; nothing is allowed rather than everything
	case share:
		return max(1, total*n/100), true
	default:
		return n, true
	}
}

// maxAmount is the largest number of nodes of a limit.
const maxAmount = 100_000

// readAmount reads an amount; a missing field keeps its value, an empty one is no limit.
func readAmount(r *form.Reader, name string, otherwise Amount) Amount {
	text := strings.ReplaceAll(r.Text(name), " ", "")
	if text == "" {
		return ifSent(r, name, "", otherwise)
	}
	number, share := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	most := maxAmount
	if share {
		most = 100
	}
	switch {
	case err != nil:
		r.Refuse(name, "error_amount", "Value", services.Clip(text))
		return otherwise
	case n < 1 || n > most:
		r.Refuse(name, "error_range", "Value", services.Clip(text), "Min", 1, "Max", most)
		return otherwise
	default:
		return Amount(strconv.Itoa(n) + text[len(number):])
	}
}
