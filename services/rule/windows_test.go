package rule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

// shows fails unless the next opening is from one moment until another.
func shows(t *testing.T, w Windows, at, from, until string, pools ...string) {
	t.Helper()
	found, ok := w.Next(moment(t, at), pools)
	require.True(t, ok)
	require.Equal(t, from, found.From.UTC().Format(time.RFC3339))
	require.Equal(t, until, found.Until.UTC().Format(time.RFC3339))
}

func TestWindows_next(t *testing.T) {
	w := Windows{List: []Window{
		{Days: []string{"sat"}, Start: "22:00", Zone: "UTC", Length: 240},
		{Days: []string{"sun"}, Start: "02:00", Zone: "UTC", Length: 120},
		{Days: []string{"wed"}, Start: "03:00", Zone: "UTC", Length: 60, Pool: "gpu"},
		{Days: []string{"sat"}, Start: "23:00", Zone: "UTC", Length: 60, Pool: "db"},
	}}
	// 28 November 2026 is a Saturday. The two openings touch: they are one.
	shows(t, w, "2026-11-26T12:00:00Z", "2026-11-28T22:00:00Z", "2026-11-29T04:00:00Z")
	shows(t, w, "2026-11-29T03:59:59Z", "2026-11-28T22:00:00Z", "2026-11-29T04:00:00Z", "general")
	shows(t, w, "2026-11-29T04:00:00Z", "2026-12-05T22:00:00Z", "2026-12-06T04:00:00Z")
	// A pool with windows of its own has only these.
	shows(t, w, "2026-11-26T12:00:00Z", "2026-12-02T03:00:00Z", "2026-12-02T04:00:00Z", "gpu")
	shows(t, w, "2026-11-26T12:00:00Z", "2026-11-28T23:00:00Z", "2026-11-29T00:00:00Z", "db", "general")
	_, ok := w.Next(moment(t, "2026-11-26T12:00:00Z"), []string{"gpu", "general"})
	require.False(t, ok, "they have no time in common")
	_, ok = Windows{}.Next(moment(t, "2026-11-26T12:00:00Z"), nil)
	require.False(t, ok)
}

// The length is in minutes that pass. A start that the clock skips is when it was set
// forward; one that it shows twice is the first.
func TestWindows_clockChanges(t *testing.T) {
	at := func(start string) Windows {
		return Windows{List: []Window{{Days: []string{"sun"}, Start: start, Zone: "Europe/Berlin", Length: 120}}}
	}
	// On 29 March 2026 Berlin goes from 02:00 to 03:00, which is 01:00 UTC.
	shows(t, at("02:30"), "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z")
	shows(t, at("01:00"), "2026-03-28T12:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z")
	shows(t, at("03:00"), "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z")
	shows(t, at("02:30"), "2026-03-29T03:00:00Z", "2026-04-05T00:30:00Z", "2026-04-05T02:30:00Z")
	// On 25 October 2026 Berlin goes from 03:00 back to 02:00, which is 01:00 UTC.
	shows(t, at("02:30"), "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z")
	shows(t, at("02:30"), "2026-10-25T02:30:00Z", "2026-11-01T01:30:00Z", "2026-11-01T03:30:00Z")
	// Where clocks are set at midnight, a day begins at 01:00.
	havana := Windows{List: []Window{{Days: []string{"sun"}, Start: "00:00", Zone: "America/Havana", Length: 60}}}
	shows(t, havana, "2026-03-07T12:00:00Z", "2026-03-08T05:00:00Z", "2026-03-08T06:00:00Z")
}

// However far a time is from a change of the clock, the next opening is not in the past,
// and is at the same time of the day.
func TestWindows_wholeYear(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"} {
		w := Windows{List: []Window{{Days: Days(), Start: "23:15", Zone: zone, Length: 30}}}
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for at := moment(t, "2026-01-01T00:00:00Z"); at.Year() < 2027; at = at.Add(7 * time.Hour) {
			found, ok := w.Next(at, nil)
			require.True(t, ok)
			require.True(t, at.Before(found.Until))
			require.Less(t, found.From.Sub(at), 25*time.Hour)
			require.Equal(t, "23:15", found.From.In(loc).Format("15:04"), at)
			require.Equal(t, 30*time.Minute, found.Until.Sub(found.From))
		}
	}
}

func TestWindows_form(t *testing.T) {
	set, err := Default().Revise(form.Fields{
		"windows_only": {"1"}, "window_days_2": {"sun, sat", "sat"}, "window_start_2": {"22:00"},
		"window_length_2": {"4h 30m"}, "window_zone_2": {"Asia/Shanghai"}, "window_pool_2": {"gpu"},
	})
	require.NoError(t, err)
	want := Window{Days: []string{"sat", "sun"}, Start: "22:00", Zone: "Asia/Shanghai", Length: 270, Pool: "gpu"}
	require.Equal(t, Windows{Only: true, List: []Window{want}}, set.Windows)

	again, err := Default().Revise(set.Fields())
	require.NoError(t, err)
	require.Equal(t, set, again)
	kept, err := set.Revise(form.Fields{"windows_only": {"0"}})
	require.NoError(t, err)
	require.Equal(t, set.Windows.List, kept.Windows.List)
	none, err := set.Revise(form.Fields{"window_start_1": {""}})
	require.NoError(t, err)
	require.Empty(t, none.Windows.List)
}

func TestWindows_refused(t *testing.T) {
	right := form.Fields{"window_days_1": {"sat"}, "window_start_1": {"22:00"}}
	for field, value := range map[string]string{
		"window_days_1": "someday", "window_start_1": "25:00", "window_length_1": "8 days", "window_zone_1": "Local",
		"window_start_21": "10:00",
	} {
		_, err := Default().Revise(right.With(field, value))
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), field)
		require.Equal(t, field, services.AsError(err).Fields[0].Field)
	}
	_, err := Default().Revise(form.Fields{"window_start_1": {"22:00"}})
	require.Equal(t, "window_days_1", services.AsError(err).Fields[0].Field)
	_, err = Default().Revise(right.With("window_zone_1", "Europe/Atlantis"))
	require.Equal(t, "window_zone_1", services.AsError(err).Fields[0].Field)
}
