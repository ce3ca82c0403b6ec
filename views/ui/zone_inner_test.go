package ui

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExactTimes(t *testing.T) {
	summer, winter := time.Date(2026, 7, 1, 22, 30, 0, 0, time.UTC), time.Date(2026, 1, 1, 22, 30, 0, 0, time.UTC)
	for zone, want := range map[string][2]string{
		"UTC":               {"2026-07-01 22:30:00 UTC", "2026-01-01 22:30:00 UTC"},
		"Europe/Berlin":     {"2026-07-02 00:30:00 CEST (UTC+02:00)", "2026-01-01 23:30:00 CET (UTC+01:00)"},
		"Europe/London":     {"2026-07-01 23:30:00 BST (UTC+01:00)", "2026-01-01 22:30:00 GMT (UTC)"},
		"America/Sao_Paulo": {"2026-07-01 19:30:00 UTC-03:00", "2026-01-01 19:30:00 UTC-03:00"},
		"Asia/Shanghai":     {"2026-07-02 06:30:00 CST (UTC+08:00)", "2026-01-02 06:30:00 CST (UTC+08:00)"},
	} {
		location, err := time.LoadLocation(zone)
		require.NoError(t, err)
		ctx := WithZone(t.Context(), location)
		require.Equal(t, want, [2]string{exact(ctx, summer), exact(ctx, winter)}, zone)
		require.Equal(t, zone, zoneName(ctx))
	}
	require.Equal(t, "2026-07-01 22:30:00 UTC", exact(t.Context(), summer), "a reader whose zone is not known reads UTC")
}
