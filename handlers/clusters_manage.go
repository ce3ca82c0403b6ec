package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/cluster"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// managesClusters reports whether the reader may import and change clusters.
func managesClusters(r *http.Request) bool {
	return services.ActorFrom(r.Context()).May(services.PermitClusters)
}

// ClustersNew answers the form that imports a cluster.
func (h *Handlers) ClustersNew(w http.ResponseWriter, r *http.Request) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitClusters); err != nil {
		return err
	}
	return h.showClusterForm(w, r, admin.ClusterForm{})
}

// ClustersImport imports a cluster from a form or from JSON:
//
//	kubeconfig     its text; or file, an uploaded file
//	context        of a kubeconfig with several
//	insecure=1     accepts a cluster whose certificate is not verified
//	name           of the cluster; that of the context by default
//	labels         "key=value", separated by commas or line ends, or repeated
//	colour         one of cluster.Colours
//	position       in lists
//	act_as=1       makes changes in the name of their user
//	test=1         tests the connection; nothing is stored
//	draft          stands for the kubeconfig of an earlier try; see drafts
//
// JSON answers 201 with the cluster.
func (h *Handlers) ClustersImport(w http.ResponseWriter, r *http.Request) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitClusters); err != nil {
		return err
	}
	v, p, err := readClusterForm(r, cluster.Cluster{})
	if err != nil {
		return err
	}
	u, err := h.readUpload(r, &v.Upload)
	if err == nil {
		err = p.Err()
	}
	if err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	if r.Form.Get("test") == "1" {
		return h.tryCluster(w, r, v, u)
	}
	c, err := h.Clusters.Import(r.Context(), u, p.Properties)
	if err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	w.Header().Set("Location", ui.ClusterURL(c.Name))
	return h.clusterDone(w, r, http.StatusCreated, c, ui.ClusterActionURL(c.Name, "access"))
}

// clusterDone answers a change: JSON with the cluster, and a browser is led on.
func (h *Handlers) clusterDone(
	w http.ResponseWriter, r *http.Request, status int, c cluster.Cluster, next string,
) error {
	if wantsJSON(r) {
		return writeJSON(w, status, newClusterJSON(r.Context(), h.clusterView(c)))
	}
	w.Header().Del("Location") // redirect sets its own
	return redirect(w, r, next)
}

// tryCluster shows the form again with the result of a connection test.
func (h *Handlers) tryCluster(w http.ResponseWriter, r *http.Request, v admin.ClusterForm, u cluster.Upload) error {
	test, err := h.Clusters.Try(r.Context(), u)
	if err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newTestJSON(r.Context(), "", test))
	}
	v.Upload.Test = &test
	return h.showClusterForm(w, r, v)
}

func (h *Handlers) showClusterForm(w http.ResponseWriter, r *http.Request, v admin.ClusterForm) error {
	return render(w, r, http.StatusOK, h.clusterFormPage(r, v))
}

// clusterFormPage returns the page of a form: that of the credentials of a cluster if
// the path says so.
func (h *Handlers) clusterFormPage(r *http.Request, v admin.ClusterForm) templ.Component {
	if strings.HasSuffix(r.URL.Path, "/credentials") {
		title := ui.T(r.Context(), "cluster_replace_title", "Name", v.Old.Name)
		return admin.ClusterCredentialsPage(h.frame(r, "clusters", title, ""), v)
	}
	title := ui.T(r.Context(), "cluster_import_title")
	if !v.IsNew() {
		title = ui.T(r.Context(), "cluster_edit_title", "Name", v.Old.Name)
	}
	return admin.ClusterFormPage(h.frame(r, "clusters", title, ""), v)
}

// clusterFormAgain shows the form with what is wrong in it.
func (h *Handlers) clusterFormAgain(r *http.Request, v admin.ClusterForm, err error) error {
	if services.CodeOf(err) != services.CodeInvalid || wantsJSON(r) {
		return err
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		v.Problem = p
		return h.clusterFormPage(r, v)
	}}
}

// ClustersEdit answers the form of a cluster's properties.
func (h *Handlers) ClustersEdit(w http.ResponseWriter, r *http.Request) error {
	c, err := h.managedCluster(r)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newClusterJSON(r.Context(), h.clusterView(c)))
	}
	v := admin.ClusterForm{
		Old: c, Name: c.Name, Labels: strings.Join(labelTexts(c.Labels), "\n"), Colour: c.Colour, ActAs: c.ActAs,
	}
	if c.Position > 0 {
		v.Position = strconv.Itoa(c.Position)
	}
	return h.showClusterForm(w, r, v)
}

// ClustersUpdate changes the properties of a cluster. The fields are name, labels,
// colour, position and act_as of ClustersImport, and say all that the cluster has from then on.
func (h *Handlers) ClustersUpdate(w http.ResponseWriter, r *http.Request) error {
	old, err := h.managedCluster(r)
	if err != nil {
		return err
	}
	v, p, err := readClusterForm(r, old)
	if err != nil {
		return err
	}
	if err := p.Err(); err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	c, err := h.Clusters.Edit(r.Context(), old.Name, p.Properties)
	if err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	return h.clusterDone(w, r, http.StatusOK, c, ui.ClustersURL)
}

// ClustersCredentials answers the form that replaces the credentials of a cluster.
func (h *Handlers) ClustersCredentials(w http.ResponseWriter, r *http.Request) error {
	c, err := h.managedCluster(r)
	if err != nil {
		return err
	}
	return h.showClusterForm(w, r, admin.ClusterForm{Old: c})
}

// ClustersReplace replaces the address and the credentials of an imported cluster by
// those of a kubeconfig; the fields are those of ClustersImport.
func (h *Handlers) ClustersReplace(w http.ResponseWriter, r *http.Request) error {
	old, err := h.managedCluster(r)
	if err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	v := admin.ClusterForm{Old: old}
	u, err := h.readUpload(r, &v.Upload)
	if err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	if r.Form.Get("test") == "1" {
		return h.tryCluster(w, r, v, u)
	}
	c, err := h.Clusters.Replace(r.Context(), old.Name, u)
	if err != nil {
		return h.clusterFormAgain(r, v, err)
	}
	return h.clusterDone(w, r, http.StatusOK, c, ui.ClusterActionURL(c.Name, "access"))
}

// ClustersDisable disables a cluster, and ClustersEnable enables it again.
func (h *Handlers) ClustersDisable(w http.ResponseWriter, r *http.Request) error {
	return h.setDisabled(w, r, true)
}

// ClustersEnable enables a disabled cluster.
func (h *Handlers) ClustersEnable(w http.ResponseWriter, r *http.Request) error {
	return h.setDisabled(w, r, false)
}

func (h *Handlers) setDisabled(w http.ResponseWriter, r *http.Request, disabled bool) error {
	c, err := h.Clusters.SetDisabled(r.Context(), pathParam(r, "cluster"), disabled)
	if err != nil {
		return err
	}
	return h.clusterDone(w, r, http.StatusOK, c, ui.ClusterActionURL(c.Name, "edit"))
}

// ClustersDeleteForm asks whether a cluster is to be deleted.
func (h *Handlers) ClustersDeleteForm(w http.ResponseWriter, r *http.Request) error {
	c, err := h.managedCluster(r)
	if err != nil {
		return err
	}
	title := ui.T(r.Context(), "cluster_delete_title", "Name", c.Name)
	return render(w, r, http.StatusOK, admin.ClusterDeletePage(h.frame(r, "clusters", title, ""), c))
}

// ClustersDelete deletes an imported cluster; JSON answers what it was.
func (h *Handlers) ClustersDelete(w http.ResponseWriter, r *http.Request) error {
	c, err := h.Clusters.Delete(r.Context(), pathParam(r, "cluster"))
	if err != nil {
		return err
	}
	return h.clusterDone(w, r, http.StatusOK, c, ui.ClustersURL)
}

// managedCluster returns the cluster of the path for the pages that lead to a change.
func (h *Handlers) managedCluster(r *http.Request) (cluster.Cluster, error) {
	if err := services.ActorFrom(r.Context()).Require(services.PermitClusters); err != nil {
		return cluster.Cluster{}, err
	}
	return h.Clusters.Get(pathParam(r, "cluster"))
}

// clusterProperties are the properties that a form names, and what could not be read.
type clusterProperties struct {
	cluster.Properties
	services.FieldErrors
}

// readClusterForm reads what was typed, both as it was and as it is meant.
func readClusterForm(r *http.Request, old cluster.Cluster) (admin.ClusterForm, clusterProperties, error) {
	var p clusterProperties
	if err := parseForm(r); err != nil {
		return admin.ClusterForm{}, p, err
	}
	v := admin.ClusterForm{
		Old: old, Name: strings.TrimSpace(r.Form.Get("name")), Labels: strings.Join(r.Form["labels"], "\n"),
		Colour: r.Form.Get("colour"), Position: strings.TrimSpace(r.Form.Get("position")),
		ActAs: r.Form.Get("act_as") == "1",
	}
	p.Name, p.Colour, p.Labels, p.ActAs = v.Name, v.Colour, map[string]string{}, v.ActAs
	if v.Position != "" {
		position, err := strconv.Atoi(v.Position)
		if err != nil {
			p.Add("position", "error_number", "Value", services.Clip(v.Position))
		}
		p.Position = position
	}
	for _, text := range strings.FieldsFunc(v.Labels, func(c rune) bool { return c == ',' || c == '\n' }) {
		key, value, isPair := strings.Cut(strings.TrimSpace(text), "=")
		switch {
		case isPair:
			p.Labels[strings.TrimSpace(key)] = strings.TrimSpace(value)
		case key != "" && !p.Has("labels"):
			p.Add("labels", "error_cluster_label", "Label", services.Clip(key))
		}
	}
	return v, p, nil
}

// labelTexts returns labels as "key=value", in order.
func labelTexts(labels map[string]string) []string {
	texts := make([]string, 0, len(labels))
	for key, value := range labels {
		texts = append(texts, key+"="+value)
	}
	slices.Sort(texts)
	return texts
}

// readUpload returns the kubeconfig of a form. It keeps a copy on the server, so that
// the form can come back without it: credentials are never sent to a browser.
func (h *Handlers) readUpload(r *http.Request, v *admin.UploadForm) (cluster.Upload, error) {
	text, err := uploadedText(r, "kubeconfig")
	if err != nil {
		return cluster.Upload{}, err
	}
	if draft := r.Form.Get("draft"); text == "" && draft != "" {
		kept, err := h.drafts.Find(r.Context(), draft)
		if err != nil {
			return cluster.Upload{}, services.Invalid("kubeconfig", "error_cluster_draft")
		}
		text = kept.Get("kubeconfig")
	}
	v.Context, v.Insecure = r.Form.Get("context"), r.Form.Get("insecure") == "1"
	names, err := h.Clusters.Contexts(r.Context(), text)
	if err != nil {
		return cluster.Upload{}, err
	}
	v.Contexts = names
	if !wantsJSON(r) {
		v.Draft, err = h.drafts.Keep(r.Context(), map[string][]string{"kubeconfig": {text}})
	}
	return cluster.Upload{Text: text, Context: v.Context, Insecure: v.Insecure}, err
}
