package ui_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views/ui"
)

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 999: "999", 1204: "1,204", 1234567: "1,234,567", -5: "-5", -1204: "-1,204", -123: "-123",
	} {
		require.Equal(t, want, ui.Number(n))
	}
}

func TestTimes(t *testing.T) {
	tests := []struct {
		d              time.Duration
		age, ago, span string
		agoZh, spanZh  string
	}{
		{d: 0, age: "0 s", ago: "just now", span: "< 1 s", agoZh: "刚刚", spanZh: "不到 1 秒"},
		{d: -time.Minute, age: "0 s", ago: "just now", span: "< 1 s", agoZh: "刚刚", spanZh: "不到 1 秒"},
		{d: 45 * time.Second, age: "45 s", ago: "45 s ago", span: "45 s", agoZh: "45 秒前", spanZh: "45 秒"},
		{
			d: 119*time.Second + 999*time.Millisecond, age: "119 s", ago: "119 s ago", span: "2 min 0 s", agoZh: "119 秒前",
			spanZh: "2 分钟 0 秒",
		},
		{
			d: 12*time.Minute + 30*time.Second, age: "12 min", ago: "12 min ago", span: "12 min 30 s", agoZh: "12 分钟前",
			spanZh: "12 分钟 30 秒",
		},
		{
			d: 5*time.Hour + 59*time.Minute, age: "5 h", ago: "5 h ago", span: "5 h 59 min", agoZh: "5 小时前",
			spanZh: "5 小时 59 分钟",
		},
		{
			d: 204 * 24 * time.Hour, age: "204 d", ago: "204 d ago", span: "4,896 h 0 min", agoZh: "204 天前",
			spanZh: "4,896 小时 0 分钟",
		},
	}
	en, zh := ui.WithLocale(t.Context(), "en"), ui.WithLocale(t.Context(), "zh-CN")
	for _, tt := range tests {
		require.Equal(t, tt.age, ui.AgeText(en, tt.d))
		require.Equal(t, tt.ago, ui.AgoText(en, tt.d))
		require.Equal(t, tt.span, ui.Span(en, tt.d))
		require.Equal(t, tt.agoZh, ui.AgoText(zh, tt.d))
		require.Equal(t, tt.spanZh, ui.Span(zh, tt.d))
	}
}

func TestRate(t *testing.T) {
	for rate, want := range map[float64]string{212.4: "212/s", 1234: "1,234/s", 1.44: "1.4/s", 0.2: "12/min"} {
		require.Equal(t, want, ui.Rate(t.Context(), rate))
	}
}
