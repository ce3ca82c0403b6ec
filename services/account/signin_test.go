package account

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// from is the context of somebody who is nobody yet, at an address.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{Address: address, RequestID: "R"})
}

// signIn tries to sign in and returns what came of it: "" or the error's text, and
// the seconds to wait.
func (s *Service) signIn(ctx context.Context, name, password string) (text string, seconds any) {
	_, err := s.Authenticate(ctx, name, password)
	if err == nil {
		return "", nil
	}
	return services.AsError(err).Text, services.AsError(err).Args["Seconds"]
}

// A name that nobody has waits like any other, to the second.
func TestAuthenticate_backOff(t *testing.T) {
	for _, name := range []string{"ada", "nobody", strings.Repeat("n", 5000)} {
		t.Run(name[:3], func(t *testing.T) {
			s, _, c := newTest(t)
			_, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
			require.NoError(t, err)
			here := from(t, "192.0.2.1")
			for range 5 {
				text, _ := s.signIn(here, name, "wrong")
				require.Equal(t, "error_login", text)
			}
			text, seconds := s.signIn(here, strings.ToUpper(name), goodPassword)
			require.Equal(t, "error_login_wait", text, "even the right one has to wait")
			require.Equal(t, 2, seconds)
			for _, want := range []int{4, 8, 16, 32, 64, 128, 256, 300, 300} {
				c.add(5 * time.Minute)
				text, _ := s.signIn(here, name, "wrong")
				require.Equal(t, "error_login", text)
				text, seconds := s.signIn(here, name, "wrong")
				require.Equal(t, "error_login_wait", text)
				require.Equal(t, want, seconds)
			}
		})
	}
}

func TestAuthenticate_successForgetsFailures(t *testing.T) {
	s, _, c := newTest(t)
	_, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	here := from(t, "192.0.2.1")
	for range 4 {
		for range 4 {
			text, _ := s.signIn(here, "ada", "wrong")
			require.Equal(t, "error_login", text)
		}
		text, _ := s.signIn(here, "ada", goodPassword)
		require.Empty(t, text)
	}
	for range 5 {
		s.signIn(here, "ada", "wrong")
	}
	text, _ := s.signIn(here, "ada", goodPassword)
	require.Equal(t, "error_login_wait", text)
	c.add(2 * time.Second)
	text, _ = s.signIn(here, "ada", goodPassword)
	require.Empty(t, text, "never locked for good")
}

// Whoever tries a name keeps its owner out nowhere but in their own network.
func TestAuthenticate_nobodyIsLockedOutFromElsewhere(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	for range 20 {
		s.signIn(from(t, "2001:db8:0:1::bad"), "ada", "wrong")
		s.signIn(from(t, "192.0.2.66"), "ada", "wrong")
	}
	for address, want := range map[string]string{
		"2001:db8:0:1:2:3:4:5": "error_login_wait", "::ffff:192.0.2.66": "error_login_wait", "192.0.2.66": "error_login_wait",
		"2001:db8:0:2::bad": "", "192.0.2.67": "",
	} {
		text, _ := s.signIn(from(t, address), "ada", goodPassword)
		require.Equal(t, want, text, address)
	}
}

// Who has many networks is slowed down too, and still keeps nobody out of a network
// from which they have signed in.
func TestAuthenticate_fromEverywhere(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} {
		t.Run(name, func(t *testing.T) {
			s, _, c := newTest(t)
			s.far.policy.free = 10
			_, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
			require.NoError(t, err)
			text, _ := s.signIn(from(t, "192.0.2.1"), "ada", goodPassword)
			require.Empty(t, text)
			for i := range 10 {
				text, _ := s.signIn(from(t, fmt.Sprintf("198.51.100.%d", i)), name, "wrong")
				require.Equal(t, "error_login", text)
			}
			text, seconds := s.signIn(from(t, "203.0.113.1"), name, goodPassword)
			require.Equal(t, "error_login_wait", text)
			require.Equal(t, 1, seconds)
			text, _ = s.signIn(from(t, "192.0.2.1"), "ada", goodPassword)
			require.Empty(t, text, "from where they have signed in before")
			for i := range 6 {
				c.add(30 * time.Second)
				text, _ := s.signIn(from(t, fmt.Sprintf("198.51.101.%d", i)), name, "wrong")
				require.Equal(t, "error_login", text)
			}
			_, seconds = s.signIn(from(t, "203.0.113.1"), name, goodPassword)
			require.Equal(t, 30, seconds, "never for long")
		})
	}
}

func TestAuthenticate_triesAtOnce(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} {
		s, _, _ := newTest(t)
		_, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
		require.NoError(t, err)
		var group sync.WaitGroup
		texts := make([]string, 20)
		for i := range texts {
			group.Go(func() { texts[i], _ = s.signIn(from(t, "192.0.2.1"), name, "wrong") })
		}
		group.Wait()
		checked := 0
		for _, text := range texts {
			if text == "error_login" {
				checked++
			}
		}
		require.Equal(t, nearPolicy().free, checked, "the rest was not even looked at")
	}
}

func TestBackOff_isBounded(t *testing.T) {
	b := newBackOff(nearPolicy())
	b.most = 100
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	for range 6 {
		b.begin("often", now)
	}
	for i := range 5000 {
		b.begin(b.key(fmt.Sprint(i)), now.Add(time.Second))
		require.LessOrEqual(t, len(b.tries), 100)
	}
	require.Positive(t, b.begin("often", now.Add(time.Second)), "many names do not make it forget one")
	b.most = len(b.tries)
	require.Zero(t, b.begin("new", now.Add(2*forgotten)))
	require.True(t, len(b.tries) == 1, "what is forgotten goes first")
	require.NotContains(t, b.key("a secret"), "secret")
	require.NotEqual(t, newBackOff(nearPolicy()).key("x"), b.key("x"))
}

func TestBackOff_forgets(t *testing.T) {
	b := newBackOff(nearPolicy())
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	for range 4 {
		require.Zero(t, b.begin("x", now))
	}
	now = now.Add(forgotten + time.Second)
	for range 5 {
		require.Zero(t, b.begin("x", now))
	}
	require.Equal(t, 2*time.Second, b.begin("x", now))
}

// One client cannot fill the line, all of them can, and who leaves makes room.
func TestLine(t *testing.T) {
	l := newLine()
	full, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	fill := func(address string) {
		for range inLinePerPeer {
			group.Go(func() {
				leave, err := l.enter(services.WithActor(full, services.Actor{Address: address}))
				if err == nil {
					<-full.Done()
					leave()
				}
			})
		}
	}
	waiting := func(n int) {
		require.Eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.all == n }, 5*time.Second, time.Millisecond)
	}
	fill("192.0.2.1")
	waiting(inLinePerPeer)
	soon, stop := context.WithTimeout(t.Context(), 20*time.Second) // who is let in waits for ever here
	defer stop()
	late := func(address string) context.Context {
		return services.WithActor(soon, services.Actor{Address: address})
	}
	_, err := l.enter(late("192.0.2.1"))
	require.Equal(t, services.CodeThrottled, services.CodeOf(err))
	require.Equal(t, comeBack, services.AsError(err).Args["Seconds"])
	for i := 1; i < inLine/inLinePerPeer; i++ {
		fill(fmt.Sprintf("192.0.2.%d", i+1))
	}
	waiting(inLine)
	_, err = l.enter(late("203.0.113.1"))
	require.Equal(t, "error_login_busy", services.AsError(err).Text)
	cancel()
	group.Wait()
	leave, err := l.enter(from(t, "203.0.113.1"))
	require.NoError(t, err)
	leave()
	require.Zero(t, l.all)
	require.Empty(t, l.peers)
	require.Empty(t, l.places)
}

func TestLine_cancelledWhileWaiting(t *testing.T) {
	s, _, _ := newTest(t)
	for range hashers {
		s.line.places <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.hash(ctx, goodPassword)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, s.line.all)
}

// A try that found the line full was none.
func TestAuthenticate_fullLineIsNoTry(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	here := from(t, "192.0.2.1")
	s.line.all = inLine
	for range 20 {
		text, _ := s.signIn(here, "ada", goodPassword)
		require.Equal(t, "error_login_busy", text)
	}
	s.line.all = 0
	text, _ := s.signIn(here, "ada", goodPassword)
	require.Empty(t, text)
}

// What was typed as a name that nobody has is kept nowhere; all else of a
// refused sign-in is, the first of a client at once and the rest counted.
func TestAuthenticate_isOnRecord(t *testing.T) {
	s, st, c := newTest(t)
	u, err := s.AddUser(t.Context(), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	here, there := from(t, "192.0.2.1"), from(t, "2001:db8::1")
	s.signIn(here, "ada", goodPassword)
	for range 7 {
		s.signIn(here, "ada", "wrong")
	}
	s.signIn(here, "a secret", "wrong")
	s.signIn(there, "a secret", "wrong")
	s.signIn(from(t, "2001:db8::2"), "another secret", "wrong")
	require.NoError(t, s.SignOut(t.Context()), "nobody signs out")
	require.NoError(t, s.SignOut(services.WithActor(t.Context(), u.Actor("192.0.2.1", "R"))))
	soon := []string{
		`user.create ada  {"role":"user"}`,
		`ada login ada 192.0.2.1  R`,
		`ada login.failed ada 192.0.2.1 {"why":"password"} R`,
		`login.failed  2001:db8::1 {"why":"unknown"} R`,
		`ada logout ada 192.0.2.1  R`,
	}
	require.Equal(t, soon, told(t, st))

	c.add(tallyFor)
	s.signIn(here, "ada", "wrong") // the occasion to write what the last minute had
	require.ElementsMatch(t, append(soon,
		`ada login.failed ada 192.0.2.1 {"count":6,"reasons":{"password":4,"wait":2},"why":"several"}`,
		`login.failed  192.0.2.1 {"count":1,"why":"unknown"}`,
		`login.failed  2001:db8::/64 {"count":1,"why":"unknown"}`,
		`ada login.failed ada 192.0.2.1 {"why":"password"} R`,
	), told(t, st))
}

func told(t *testing.T, st *store.Store) (lines []string) {
	t.Helper()
	found, err := st.Entries(t.Context(), store.EntryQuery{Limit: 100})
	require.NoError(t, err)
	for _, e := range found {
		line := strings.TrimSpace(strings.Join([]string{e.Actor, string(e.Action), e.Object, e.Address, string(e.After), e.RequestID}, " "))
		lines = append([]string{line}, lines...)
	}
	return lines
}

// The record of refused sign-ins is written when their minute is over without
// anybody's doing, and at the end.
func TestRun_writesRefusals(t *testing.T) {
	s, st, _ := newTest(t)
	for range 3 {
		s.signIn(from(t, "192.0.2.1"), "nobody", "wrong")
	}
	require.Len(t, told(t, st), 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Run(ctx)
	require.Equal(t, `login.failed  192.0.2.1 {"count":2,"why":"unknown"}`, told(t, st)[1])
}

// However many clients and tries there are, a minute has few entries.
func TestRefusals_areBounded(t *testing.T) {
	r := newRefusals()
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	first := 0
	for i := range 5 * maxNetworks {
		for range 3 {
			if r.count(fmt.Sprintf("client %d", i), store.User{}, store.RefusedUnknown, now) {
				first++
			}
		}
	}
	require.Equal(t, maxNetworks, first)
	require.LessOrEqual(t, len(r.clients), maxNetworks+1)
	require.Empty(t, r.take(now.Add(-time.Second)), "the minute is not over")
	groups := r.take(now)
	require.Len(t, groups, maxNetworks+1)
	total := 0
	for _, g := range groups {
		total += g.Why[store.RefusedUnknown]
	}
	require.Equal(t, 15*maxNetworks-first, total, "every one is counted")
	require.Empty(t, r.clients)
}
