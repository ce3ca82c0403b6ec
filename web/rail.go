package web

import (
	"fmt"
	"net/url"
	"time"

	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

const (
	railEvery = time.Second      // how often the hub looks for changes of the rail
	rowsEvery = 30 * time.Second // how often the page of all clusters gets the times of the last contact
)

// railNews says what a viewer wants to know of all clusters and batches, and what it was
// last sent. The rail is the sidebar of every page, which lists them.
type railNews struct {
	wanted   bool
	digest   string    // of the rail that the page shows
	clusters bool      // the page shows all clusters
	sentAt   time.Time // when it last got them
	batches  bool      // the page shows all batches
	work     string    // of the batches that the page shows; see ui.Rail.Work
}

// newRailNews reads the query of a stream. A page names the state that it shows, so
// that it gets another state at once, and the same state not at all.
func newRailNews(q url.Values) railNews {
	return railNews{
		wanted: q.Has("rail"), digest: q.Get("rail"), clusters: q.Get("clusters") == "1",
		sentAt: time.Now(), batches: q.Has("batches"), work: q.Get("batches"),
	}
}

// sendRail sends the rail to the viewers that show an older one. What it shows changes
// in many places, and comparing all of it once a second is cheaper than a notice
// from each of them.
func (h *hub) sendRail() {
	var followers []*viewer
	h.each(func(v *viewer) {
		if v.news.wanted {
			followers = append(followers, v)
		}
	})
	h.sendRailTo(followers)
}

// sendRailTo sends the rail to those of the viewers that show an older one.
func (h *hub) sendRailTo(followers []*viewer) {
	h.mu.Lock()
	current := h.rail
	h.mu.Unlock()
	if len(followers) == 0 || current == nil {
		return
	}
	now := time.Now()
	byScope := map[string]*railUpdates{}
	for _, v := range followers {
		scope := v.actor.Scope()
		key := fmt.Sprint(scope)
		if byScope[key] == nil {
			byScope[key] = newRailUpdates(h, current(scope), now)
		}
		byScope[key].sendTo(v)
	}
}

// railUpdates renders the rail of those who see the same clusters, once for each
// language, time zone and kind of page.
type railUpdates struct {
	hub      *hub
	rail     ui.Rail
	digest   string
	now      time.Time
	rendered map[railVariant]string
}

func newRailUpdates(h *hub, rail ui.Rail, now time.Time) *railUpdates {
	return &railUpdates{hub: h, rail: rail, digest: rail.Digest(), now: now, rendered: map[railVariant]string{}}
}

// sendTo sends a viewer what has changed since they were last sent something.
func (u *railUpdates) sendTo(v *viewer) {
	if v.every {
		u.noteStanding(v)
	}
	if v.news.digest != u.digest || v.news.clusters && u.now.Sub(v.news.sentAt) >= rowsEvery {
		u.hub.send(v, "rail", u.of(v))
		v.news.digest, v.news.sentAt = u.digest, u.now
	}
	if v.news.batches && v.news.work != u.rail.Work {
		u.hub.send(v, "batches", u.rail.Work)
		v.news.work = u.rail.Work
	}
}

// noteStanding has the table of all clusters loaded again when a cluster has stopped
// answering, or does again: that changes no node.
func (u *railUpdates) noteStanding(v *viewer) {
	changed := v.standing != u.rail.Standing()
	if v.standing == "" {
		changed = v.news.digest != u.digest
	}
	v.missed = v.missed || changed
	v.standing = u.rail.Standing()
}

type railVariant struct {
	locale, zone string
	rows         bool
}

func (u *railUpdates) of(v *viewer) string {
	variant := railVariant{v.locale, v.zone.String(), v.news.clusters}
	if _, ok := u.rendered[variant]; !ok {
		u.rendered[variant] = u.hub.render(admin.RailUpdate(u.rail, variant.rows, u.now), v)
	}
	return u.rendered[variant]
}
