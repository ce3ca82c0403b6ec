package batches

import "kube-node-manager/views/ui"

// ofBatch returns the frame of a batch's page: it shows the batch itself, so it
// has no dock, and without JavaScript it loads again until the batch ends.
func ofBatch(f ui.Frame, v PageView) ui.Frame {
	f.Dock = nil
	if !v.Batch.State.Ended() {
		f.Reload = ui.InBackground(ui.BatchURL(v.Batch.ID))
	}
	return f
}
