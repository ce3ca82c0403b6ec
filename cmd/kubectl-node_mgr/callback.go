package main

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"time"
)

// callbackPath is where the browser brings the code.
const callbackPath = "/callback"

// A callback listens on a free port of this machine for the browser that brings the code.
type callback struct {
	signIn  *signIn
	address string // with callbackPath
	host    string
	server  *http.Server
	got     chan outcome
	served  chan struct{}
}

// An outcome is how a sign-in has ended.
type outcome struct {
	redeemed
	err error
}

// listenForCode begins to listen.
func listenForCode(s *signIn) (*callback, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, refuse("no port of this machine can be listened on (%v): give --no-browser", err)
	}
	c := &callback{signIn: s, host: l.Addr().String(), got: make(chan outcome, 1), served: make(chan struct{})}
	c.address = "http://" + c.host + callbackPath
	c.server = &http.Server{Handler: c, ReadTimeout: callTimeout, MaxHeaderBytes: 16 << 10}
	go func() {
		defer close(c.served)
		_ = c.server.Serve(l) // until close
	}()
	return c, nil
}

// close stops to listen, after the browser has its answer.
func (c *callback) close() {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = c.server.Shutdown(ctx)
	_ = c.server.Close()
	<-c.served
}

// wait returns the token, when the browser has brought the code for it.
func (c *callback) wait(ctx context.Context) (redeemed, error) {
	late := time.NewTimer(signInTimeout)
	defer late.Stop()
	select {
	case o := <-c.got:
		return o.redeemed, o.err
	case <-ctx.Done():
		return redeemed{}, &exit{exitInterrupted, "not signed in"}
	case <-late.C:
		return redeemed{}, refuse("nobody has signed in within %s", lasting(signInTimeout))
	}
}

// ServeHTTP takes the code from the browser. Other programs and pages know neither the
// state nor, behind another name for this machine, the host; what they send changes nothing.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	q := r.URL.Query()
	state := subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.signIn.state)) == 1
	switch {
	case r.URL.Path != callbackPath:
		http.NotFound(w, r)
	case r.Method != http.MethodGet || r.Host != c.host || !state:
		http.Error(w, "This is not the sign-in that the terminal waits for. Start it again in the terminal.",
			http.StatusBadRequest)
	default:
		c.finish(w, r, q)
	}
}

// finish redeems the code, and sends the browser to a page of the server.
func (c *callback) finish(w http.ResponseWriter, r *http.Request, q url.Values) {
	done := c.signIn.client.server + "/authorize/done"
	if q.Get("code") == "" {
		http.Redirect(w, r, done+"?denied=1", http.StatusSeeOther)
		c.end(outcome{err: refuse("not signed in: it was not allowed in the browser")})
		return
	}
	// The code works once, so a browser that goes away must not end the request.
	got, err := c.signIn.redeem(context.WithoutCancel(r.Context()), q.Get("code"))
	if err != nil {
		http.Error(w, "The terminal is not signed in: "+err.Error(), http.StatusBadGateway)
	} else {
		http.Redirect(w, r, done, http.StatusSeeOther)
	}
	c.end(outcome{got, err})
}

func (c *callback) end(o outcome) {
	select {
	case c.got <- o:
	default: // it has ended already
	}
}
