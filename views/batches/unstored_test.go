package batches_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// The panel says why results cannot be stored, as long as they cannot.
func TestPanel_unstored(t *testing.T) {
	v := viewstest.Batch(store.StateRunning)
	v.Rate, v.Remaining = 2, time.Minute
	v.Unstored = services.NewError(services.CodeUnavailable, "error_database_full")
	for locale, want := range map[string]string{
		"en": "The results of this batch cannot be stored now. The disk of the data directory is full. " +
			"It waits until they can, and then continues by itself.",
		"zh-CN": "目前无法保存此批次的结果。数据目录所在的磁盘已满。批次会等待，恢复后自动继续。",
	} {
		doc := viewstest.Document(t, viewstest.Render(t, locale, batches.Panel(v)))
		require.Equal(t, want, viewstest.Squeezed(doc.Find("[data-unstored]")))
		require.Empty(t, viewstest.Squeezed(doc.Find(".pace")), "how long it takes depends on the disk")
		require.Zero(t, doc.Find(".at-work").Length())
	}
	v.State = store.StateSucceeded
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Zero(t, doc.Find("[data-unstored]").Length())
}
