package web

import (
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
	rail := current()
	updates := railUpdates{hub: h, rail: rail, now: time.Now(), rendered: map[railVariant]string{}}
	digest := rail.Digest()
	for _, v := range followers {
		if v.news.digest != digest || v.news.clusters && updates.now.Sub(v.news.sentAt) >= rowsEvery {
			h.send(v, "rail", updates.of(v))
			v.news.digest, v.news.sentAt = digest, updates.now
		}
		if v.news.batches && v.news.work != rail.Work {
			h.send(v, "batches", rail.Work)
			v.news.work = rail.Work
		}
	}
}

// railUpdates renders the rail once for each language, time zone and kind of page.
type railUpdates struct {
	hub      *hub
	rail     ui.Rail
	now      time.Time
	rendered map[railVariant]string
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
