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

// from returns the context of a request from an address, whose actor is not signed in.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{Address: address, RequestID: "R"})
}

// signIn tries to sign in. It returns "", or the text of the error and the seconds to
// wait.
func (s *Service) signIn(ctx context.Context, name, password string) (text string, seconds any) {
	_, err := s.Authenticate(ctx, name, password)
	if err == nil {
		return "", nil
	}
	return services.AsError(err).Text, services.AsError(err).Args["Seconds"]
}

// An unknown name must wait exactly as long as that of a user.
func TestAuthenticate_backOff(t *testing.T) {
	for _, name := range []string{"ada", "nobody", strings.Repeat("n", 5000)} {
		t.Run(name[:3], func(t *testing.T) {
			s, _, c := newTest(t)
			_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
			require.NoError(t, err)
			here := from(t, "192.0.2.1")
			for range 5 {
				text, _ := s.signIn(here, name, "wrong")
				require.Equal(t, "error_login", text)
			}
			text, seconds := s.signIn(here, strings.ToUpper(name), goodPassword)
			require.Equal(t, "error_login_wait", text, "even with the right password")
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
	_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
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
	require.Empty(t, text, "a name is never locked forever")
}

// Failures from one network do not lock out the owner of the name in another.
func TestAuthenticate_waitsAreForOneNetwork(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	for range 20 {
		s.signIn(from(t, "2001:db8:0:1::bad"), "ada", "wrong")
		s.signIn(from(t, "192.0.2.66"), "ada", "wrong")
	}
	for address, want := range map[string]string{
		"2001:db8:0:1:2:3:4:5": "error_login_wait",
		"::ffff:192.0.2.66":    "error_login_wait",
		"192.0.2.66":           "error_login_wait",
		"2001:db8:0:2::bad":    "",
		"192.0.2.67":           "",
	} {
		text, _ := s.signIn(from(t, address), "ada", goodPassword)
		require.Equal(t, want, text, address)
	}
}

// An attacker with many networks must wait too, but does not lock out a user in
// a network from which that user has signed in.
func TestAuthenticate_fromEverywhere(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} {
		t.Run(name, func(t *testing.T) {
			s, _, c := newTest(t)
			s.far.policy.free = 10
			_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
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
			require.Empty(t, text, "from a network with an earlier sign-in")
			for i := range 6 {
				c.add(30 * time.Second)
				text, _ := s.signIn(from(t, fmt.Sprintf("198.51.101.%d", i)), name, "wrong")
				require.Equal(t, "error_login", text)
			}
			_, seconds = s.signIn(from(t, "203.0.113.1"), name, goodPassword)
			require.Equal(t, 30, seconds, "never longer")
		})
	}
}

func TestAuthenticate_concurrently(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} {
		s, _, _ := newTest(t)
		_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
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
		require.Equal(t, nearPolicy().free, checked, "the passwords of the others are not checked")
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
	require.Positive(t, b.begin("often", now.Add(time.Second)), "many names do not make it forget this one")
	b.most = len(b.tries)
	require.Zero(t, b.begin("new", now.Add(2*forgetAfter)))
	require.True(t, len(b.tries) == 1, "old counts are removed first")
	require.NotContains(t, b.key("a secret"), "secret")
	require.NotEqual(t, newBackOff(nearPolicy()).key("x"), b.key("x"))
}

func TestBackOff_forgets(t *testing.T) {
	b := newBackOff(nearPolicy())
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	for range 4 {
		require.Zero(t, b.begin("x", now))
	}
	now = now.Add(forgetAfter + time.Second)
	for range 5 {
		require.Zero(t, b.begin("x", now))
	}
	require.Equal(t, 2*time.Second, b.begin("x", now))
}

// One client cannot fill the queue, many can, and each that leaves makes room.
func TestHashQueue(t *testing.T) {
	q := newHashQueue()
	full, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	fill := func(address string) {
		for range maxQueuePerNetwork {
			group.Go(func() {
				leave, err := q.enter(services.WithActor(full, services.Actor{Address: address}))
				if err == nil {
					<-full.Done()
					leave()
				}
			})
		}
	}
	waiting := func(n int) {
		length := func() int {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.length
		}
		require.Eventually(t, func() bool { return length() == n }, 5*time.Second, time.Millisecond)
	}
	fill("192.0.2.1")
	waiting(maxQueuePerNetwork)
	soon, stop := context.WithTimeout(t.Context(), 20*time.Second) // a try that is let in would wait forever
	defer stop()
	late := func(address string) context.Context {
		return services.WithActor(soon, services.Actor{Address: address})
	}
	_, err := q.enter(late("192.0.2.1"))
	require.Equal(t, services.CodeThrottled, services.CodeOf(err))
	require.Equal(t, retrySeconds, services.AsError(err).Args["Seconds"])
	for i := 1; i < maxQueue/maxQueuePerNetwork; i++ {
		fill(fmt.Sprintf("192.0.2.%d", i+1))
	}
	waiting(maxQueue)
	_, err = q.enter(late("203.0.113.1"))
	require.Equal(t, "error_login_busy", services.AsError(err).Text)
	cancel()
	group.Wait()
	leave, err := q.enter(from(t, "203.0.113.1"))
	require.NoError(t, err)
	leave()
	require.Zero(t, q.length)
	require.Empty(t, q.perNetwork)
	require.Empty(t, q.slots)
}

func TestHashQueue_cancelledWhileWaiting(t *testing.T) {
	s, _, _ := newTest(t)
	for range maxHashing {
		s.queue.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.hash(ctx, goodPassword)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, s.queue.length)
}

// A try that finds the queue full is not counted.
func TestAuthenticate_fullQueueIsNoTry(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	here := from(t, "192.0.2.1")
	s.queue.length = maxQueue
	for range 20 {
		text, _ := s.signIn(here, "ada", goodPassword)
		require.Equal(t, "error_login_busy", text)
	}
	s.queue.length = 0
	text, _ := s.signIn(here, "ada", goodPassword)
	require.Empty(t, text)
}

// The audit log has every refused sign-in: the first of a client at once, and the
// others as a count. It never has a name that does not exist.
func TestAuthenticate_isRecorded(t *testing.T) {
	s, st, c := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	here, there := from(t, "192.0.2.1"), from(t, "2001:db8::1")
	s.signIn(here, "ada", goodPassword)
	for range 7 {
		s.signIn(here, "ada", "wrong")
	}
	s.signIn(here, "a secret", "wrong")
	s.signIn(there, "a secret", "wrong")
	s.signIn(from(t, "2001:db8::2"), "another secret", "wrong")
	require.NoError(t, s.SignOut(t.Context()), "without a user")
	require.NoError(t, s.SignOut(services.WithActor(t.Context(), u.Actor("192.0.2.1", "R"))))
	atOnce := []string{
		`command line user.create ada  {"role":"user"}`,
		`ada login ada 192.0.2.1  R`,
		`ada login.failed ada 192.0.2.1 {"why":"password"} R`,
		`login.failed  2001:db8::1 {"why":"unknown"} R`,
		`ada logout ada 192.0.2.1  R`,
	}
	require.Equal(t, atOnce, entries(t, st))

	c.add(collectFor)
	s.signIn(here, "ada", "wrong") // this writes the counts of the last minute
	require.ElementsMatch(t, append(atOnce,
		`ada login.failed ada 192.0.2.1 {"count":6,"reasons":{"password":4,"wait":2},"why":"several"}`,
		`login.failed  192.0.2.1 {"count":1,"why":"unknown"}`,
		`login.failed  2001:db8::/64 {"count":1,"why":"unknown"}`,
		`ada login.failed ada 192.0.2.1 {"why":"password"} R`,
	), entries(t, st))
}

// entries returns the audit log, oldest first, one line for each entry.
func entries(t *testing.T, st *store.Store) (lines []string) {
	t.Helper()
	found, err := st.Entries(t.Context(), store.EntryQuery{Limit: 100})
	require.NoError(t, err)
	for _, e := range found {
		fields := []string{e.Actor, string(e.Action), e.Object, e.Address, string(e.After), e.RequestID}
		lines = append([]string{strings.TrimSpace(strings.Join(fields, " "))}, lines...)
	}
	return lines
}

// Run writes the counts of refused sign-ins when it ends.
func TestRun_writesRefusals(t *testing.T) {
	s, st, _ := newTest(t)
	for range 3 {
		s.signIn(from(t, "192.0.2.1"), "nobody", "wrong")
	}
	require.Len(t, entries(t, st), 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Run(ctx)
	require.Equal(t, `login.failed  192.0.2.1 {"count":2,"why":"unknown"}`, entries(t, st)[1])
}

// The entries of one minute are bounded, with any number of clients and tries.
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
	require.Empty(t, r.take(now.Add(-time.Second)), "the minute has not ended")
	groups := r.take(now)
	require.Len(t, groups, maxNetworks+1)
	total := 0
	for _, g := range groups {
		total += g.Why[store.RefusedUnknown]
	}
	require.Equal(t, 15*maxNetworks-first, total, "every refusal is counted")
	require.Empty(t, r.clients)
}
