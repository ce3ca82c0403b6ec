package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"kube-node-manager/services"
)

// Limits of drafts. The forms of one person never push out those of others
// before all of them together are too much.
const (
	draftLife   = 2 * time.Hour
	draftsOfOne = 20
	draftBytes  = 4 << 20  // of one form
	draftsBytes = 64 << 20 // of all
)

// drafts keeps forms that are too long for an address, so that a plan with
// hundreds of nodes has one that can be loaded again. They live in memory, are
// found only by who made them, and are gone after draftLife or a restart. Its
// methods may be called from any goroutine.
type drafts struct {
	now    func() time.Time
	secret []byte

	mu   sync.Mutex
	kept []draft // those used last at the end
	size int
}

type draft struct {
	id    string
	owner int64
	form  string
	used  time.Time
}

// newDrafts returns an empty store; now tells the time.
func newDrafts(now func() time.Time) *drafts {
	return &drafts{now: now, secret: []byte(rand.Text())}
}

// Keep stores a form and returns its id. The same form of the same person has
// the same id.
//
// Errors: CodeInvalid for a form that is too large.
func (d *drafts) Keep(ctx context.Context, form url.Values) (string, error) {
	one := draft{owner: services.ActorFrom(ctx).ID, form: form.Encode(), used: d.now()}
	if len(one.form) > draftBytes {
		return "", services.NewError(services.CodeInvalid, "error_too_large")
	}
	sum := hmac.New(sha256.New, d.secret)
	_, _ = sum.Write([]byte(strconv.FormatInt(one.owner, 10) + "?" + one.form)) // a hash never fails to write
	one.id = hex.EncodeToString(sum.Sum(nil)[:16])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(func(old draft) bool { return old.id == one.id })
	d.kept = append(d.kept, one)
	d.size += len(one.form)
	d.trim(one.owner)
	return one.id, nil
}

// Find returns a form that the actor has kept.
//
// Errors: CodeNotFound for one that is gone, or somebody else's.
func (d *drafts) Find(ctx context.Context, id string) (url.Values, error) {
	owner := services.ActorFrom(ctx).ID
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire()
	i := slices.IndexFunc(d.kept, func(one draft) bool { return one.id == id && one.owner == owner })
	if i < 0 {
		return nil, services.NewError(services.CodeNotFound, "error_draft_gone")
	}
	return url.ParseQuery(d.kept[i].form)
}

// trim drops what is too old, and the oldest of what is too much.
func (d *drafts) trim(owner int64) {
	d.expire()
	mine := 0
	for _, one := range d.kept {
		if one.owner == owner {
			mine++
		}
	}
	d.drop(func(old draft) bool {
		surplus := old.owner == owner && mine > draftsOfOne
		if surplus {
			mine--
		}
		return surplus
	})
	d.drop(func(draft) bool { return d.size > draftsBytes })
}

func (d *drafts) expire() {
	oldest := d.now().Add(-draftLife)
	d.drop(func(one draft) bool { return one.used.Before(oldest) })
}

// drop removes the drafts that gone names; it is asked about the oldest first.
func (d *drafts) drop(gone func(draft) bool) {
	d.kept = slices.DeleteFunc(d.kept, func(one draft) bool {
		if !gone(one) {
			return false
		}
		d.size -= len(one.form)
		return true
	})
}
