package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A script schedules a batch, sees it, and cancels it; the plan says when the next window is.
func TestSchedule_overHTTP(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	rules := "/clusters/" + c.Name + "/rules"
	day := strings.ToLower(time.Now().UTC().Add(48 * time.Hour).Format("Mon"))
	p.request(t, http.MethodPost, rules, url.Values{
		"window_days_1": {day}, "window_start_1": {"10:00"}, "window_zone_1": {"UTC"},
	}, nil)
	form := url.Values{"operation": {"cordon"}, "node": names, "window": {"true"}}
	var plan struct {
		Start struct {
			Window bool
			Next   struct{ From, Until time.Time }
		}
	}
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview", form, &plan)
	require.True(t, plan.Start.Window)
	require.Equal(t, 4*time.Hour, plan.Start.Next.Until.Sub(plan.Start.Next.From))

	var b struct {
		batchDoc
		Schedule struct {
			At     time.Time
			Window bool
		}
	}
	response := p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", form, &b)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Equal(t, "scheduled", b.State)
	require.Equal(t, plan.Start.Next.From, b.Schedule.At)
	require.True(t, b.Schedule.Window)
	require.Equal(t, map[string]bool{names[0]: false, names[1]: false}, p.unschedulable(t, c.Name))

	p.request(t, http.MethodPost, "/batches/"+b.ID+"/cancel", nil, nil)
	require.Equal(t, "cancelled", p.awaitBatch(t, b.ID).State)
}

// Without a script, the form of a plan schedules a batch, and a wrong time comes back with it.
func TestSchedule_asAForm(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)[:1]
	p := startProgram(t, c.Kubeconfig)
	form := url.Values{
		"operation": {"uncordon"}, "node": names, "options": {"1"}, "start": {"at"}, "start_at": {"2001-01-01T10:00"},
	}
	send := func() (*http.Response, string) {
		response, body := p.call(t, http.MethodPost, "/clusters/"+c.Name+"/batches", "text/html", formKind,
			strings.NewReader(form.Encode()))
		return response, string(body)
	}
	response, body := send()
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	require.Contains(t, body, "is in the past")
	require.Contains(t, body, `value="2001-01-01T10:00"`)

	form.Set("start_at", time.Now().UTC().Add(24*time.Hour).Format("2006-01-02T15:04"))
	response, body = send() // follows the redirect to the page of the batch
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, body, `data-state="scheduled"`)
	require.Contains(t, body, "Start now")
}
