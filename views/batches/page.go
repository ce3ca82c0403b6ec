package batches

import "kube-node-manager/views/ui"

// ofBatch returns the frame of a batch's page. The page shows the batch itself, so it
// has no dock; without JavaScript it reloads until the batch has ended.
func ofBatch(f ui.Frame, v PageView) ui.Frame {
	f.Dock = nil
	if !v.Batch.State.Ended() {
		f.Reload = ui.InBackground(ui.BatchURL(v.Batch.ID))
	}
	return f
}
