package web

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReaderZone(t *testing.T) {
	for _, name := range []string{
		"Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Shanghai", "Etc/GMT+3", "UTC",
	} {
		require.Equal(t, name, readerZone(name).String())
	}
	for _, name := range []string{
		"", "Local", "local/x", "../../etc/passwd", "/etc/localtime", `..\x`, "Mars/Base", "\x00",
		strings.Repeat("Europe/", 20),
	} {
		require.Nil(t, readerZone(name), "%q", name)
	}
}

// Pages show times in the time zone of the reader's cookie, and name it. Exports are in
// UTC.
func TestPages_areInTheZoneOfTheReader(t *testing.T) {
	a := signedIn(t)
	page := a.get("/audit").page(t)
	require.Equal(t, "times in UTC", page.Find(".zone-note").Text())
	at, err := time.Parse(time.RFC3339, page.Find("#audit time").First().AttrOr("datetime", ""))
	require.NoError(t, err)
	require.Equal(t, at.UTC().Format("2006-01-02 15:04:05"), page.Find("#audit time").First().Text())

	tokyo := time.FixedZone("JST", 9*60*60)
	page = a.get("/audit", "Cookie", "zone=Asia/Tokyo").page(t)
	require.Equal(t, "times in Asia/Tokyo", page.Find(".zone-note").Text())
	first := page.Find("#audit time").First()
	at, err = time.Parse(time.RFC3339, first.AttrOr("datetime", ""))
	require.NoError(t, err)
	require.Equal(t, at.In(tokyo).Format("2006-01-02 15:04:05"), first.Text())
	require.Equal(t, at.In(tokyo).Format("2006-01-02 15:04:05")+" JST (UTC+09:00)", first.AttrOr("title", ""))
	page = a.get("/batches", "Cookie", "zone=Asia/Tokyo").page(t)
	require.Equal(t, "times in Asia/Tokyo", page.Find(".zone-note").Text())

	// The days of a filter are in that time zone, too.
	day := time.Now().In(tokyo).Format(time.DateOnly)
	for _, query := range []string{"from=" + day + "&to=" + day, "since=today"} {
		page = a.get("/audit?"+query, "Cookie", "zone=Asia/Tokyo").page(t)
		require.NotZero(t, page.Find("#audit tbody tr").Length(), query)
	}
	got := a.get("/audit.csv", "Cookie", "zone=Asia/Tokyo")
	require.Contains(t, got.body, "Z,"+testUser)
	require.NotContains(t, got.body, "+09:00")
}
