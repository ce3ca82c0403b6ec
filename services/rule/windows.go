package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// Windows says when maintenance may be done.
type Windows struct {
	// Only refuses whatever moves pods outside of the windows.
	Only bool     `json:"only"`
	List []Window `json:"list"`
}

// Window is a time of the week for maintenance.
type Window struct {
	Days   []string `json:"days"`           // on which it begins, of Days
	Start  string   `json:"start"`          // on the clock of the zone, as "22:00"
	Zone   string   `json:"zone"`           // of the IANA database
	Length int      `json:"length"`         // in minutes that pass, whatever the clock does meanwhile
	Pool   string   `json:"pool,omitempty"` // "" for every pool that has no window of its own
}

const (
	// MaxWindows is how many windows a cluster may have.
	MaxWindows = 20

	maxLength = 7 * 24 * 60 // minutes
	maxPool   = 253
)

// Days are the names of the days of the week, from Monday.
func Days() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// dayOf returns the name of the day of a time.
func dayOf(t time.Time) string { return Days()[(int(t.Weekday())+6)%7] }

// windowField returns the name of a field of the window with a number, from 1.
func windowField(name string, number int) string {
	return "window_" + name + "_" + strconv.Itoa(number)
}

// WindowFields are the names of the fields of one window, in their order.
func WindowFields() []string { return []string{"days", "start", "length", "zone", "pool"} }

func (o *Windows) read(r *form.Reader) {
	o.Only = flag(r, "windows_only", o.Only)
	if !namesWindows(r.Fields) && r.Text("options") != "1" {
		return
	}
	o.List = []Window{}
	for i := 1; i <= MaxWindows; i++ {
		w, given := readWindow(r, i)
		if given {
			o.List = append(o.List, w)
		}
	}
	if len(r.Fields[windowField("start", MaxWindows+1)]) > 0 {
		r.Refuse(windowField("start", MaxWindows+1), "error_windows_many", "Max", MaxWindows)
	}
}

// namesWindows reports whether a form says anything about windows: then it names all.
func namesWindows(f form.Fields) bool {
	for name := range f {
		if strings.HasPrefix(name, "window_") {
			return true
		}
	}
	return false
}

// readWindow reads one window. A row without a day and a start is none.
func readWindow(r *form.Reader, number int) (w Window, given bool) {
	field := func(name string) string { return windowField(name, number) }
	w.Days = readDays(r, field("days"))
	text := strings.TrimSpace(r.Text(field("start")))
	if len(w.Days) == 0 && text == "" {
		return w, false
	}
	if len(w.Days) == 0 {
		r.Refuse(field("days"), "error_window_days", "Choices", strings.Join(Days(), ", "))
	}
	start, err := time.Parse("15:04", text)
	if err != nil {
		r.Refuse(field("start"), "error_window_start", "Value", services.Clip(text))
	}
	w.Start = start.Format("15:04")
	w.Length = r.Seconds(field("length"), 4*60*60, 60, maxLength*60) / 60
	w.Zone = cmp.Or(strings.TrimSpace(r.Text(field("zone"))), "UTC")
	if _, err := time.LoadLocation(w.Zone); err != nil || w.Zone == "Local" {
		r.Refuse(field("zone"), "error_window_zone", "Value", services.Clip(w.Zone))
	}
	w.Pool = strings.TrimSpace(r.Text(field("pool")))
	if len(w.Pool) > maxPool {
		r.Refuse(field("pool"), "error_window_pool", "Max", maxPool)
	}
	return w, true
}

// readDays reads names of days, each in a value of its own or several in one.
func readDays(r *form.Reader, field string) []string {
	days := []string{}
	for _, value := range r.Fields[field] {
		for _, day := range strings.FieldsFunc(strings.ToLower(value), func(c rune) bool { return c == ',' || c == ' ' }) {
			if !slices.Contains(Days(), day) {
				r.Refuse(field, "error_window_days", "Choices", strings.Join(Days(), ", "))
				return days
			}
			days = append(days, day)
		}
	}
	slices.SortFunc(days, func(a, b string) int {
		return cmp.Compare(slices.Index(Days(), a), slices.Index(Days(), b))
	})
	return slices.Compact(days)
}

func (o *Windows) fields(f form.Fields) {
	putFlag(f, "windows_only", o.Only)
	for i, w := range o.List {
		f[windowField("days", i+1)] = w.Days
		f[windowField("start", i+1)] = []string{w.Start}
		f[windowField("length", i+1)] = []string{lengthText(w.Length)}
		f[windowField("zone", i+1)] = []string{w.Zone}
		if w.Pool != "" {
			f[windowField("pool", i+1)] = []string{w.Pool}
		}
	}
}

// lengthText returns a number of minutes as people write it: "4h 30m".
func lengthText(minutes int) string {
	hours, rest := strconv.Itoa(minutes/60)+"h", strconv.Itoa(minutes%60)+"m"
	switch {
	case minutes < 60:
		return rest
	case minutes%60 == 0:
		return hours
	default:
		return hours + " " + rest
	}
}

// Duration returns how long the window is open.
func (w Window) Duration() time.Duration { return time.Duration(w.Length) * time.Minute }
