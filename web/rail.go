package web

import (
	"net/url"
	"time"

	"kube-node-manager/views/admin"
)

const (
	railEvery = time.Second      // how often the rail is looked at for changes
	rowsEvery = 30 * time.Second // how often the page of all clusters is told when each was last heard of
)

// railNews is what a viewer wants to hear of clusters and batches, and what it
// was last told.
type railNews struct {
	wanted   bool
	digest   string // of the rail that it shows
	clusters bool   // it shows all clusters
	told     time.Time
	batches  bool   // it shows all batches
	work     string // of the batches that it shows
}

// newRailNews reads what a page asks for: it names the state that it shows, so
// that it is told of another one at once, and of the same one not at all.
func newRailNews(q url.Values) railNews {
	return railNews{
		wanted: q.Has("rail"), digest: q.Get("rail"), clusters: q.Get("clusters") == "1",
		told: time.Now(), batches: q.Has("batches"), work: q.Get("batches"),
	}
}

// tellRail tells the viewers that show an older rail of the present one. What is
// known of clusters changes in many places; looking at all of it now and then
// costs less than a note from each.
func (h *hub) tellRail() {
	var followers []*viewer
	h.each(func(v *viewer) {
		if v.news.wanted {
			followers = append(followers, v)
		}
	})
	h.tellRailTo(followers)
}

// tellRailTo sends the rail, rendered once per language, zone and kind of page.
func (h *hub) tellRailTo(followers []*viewer) {
	h.mu.Lock()
	present := h.rail
	h.mu.Unlock()
	if len(followers) == 0 || present == nil {
		return
	}
	type variant struct {
		locale, zone string
		rows         bool
	}
	now, rail, updates := time.Now(), present(), map[variant]string{}
	digest := rail.Digest()
	for _, v := range followers {
		if v.news.digest != digest || v.news.clusters && now.Sub(v.news.told) >= rowsEvery {
			kind := variant{v.locale, v.zone.String(), v.news.clusters}
			if _, ok := updates[kind]; !ok {
				updates[kind] = h.panel(admin.RailUpdate(rail, kind.rows, now), v)
			}
			h.send(v, "rail", updates[kind])
			v.news.digest, v.news.told = digest, now
		}
		if v.news.batches && v.news.work != rail.Work {
			h.send(v, "batches", rail.Work)
			v.news.work = rail.Work
		}
	}
}
