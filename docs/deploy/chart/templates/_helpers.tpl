{{- define "knm.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "knm.account" -}}
{{ .Values.serviceAccount.name | default (ternary (include "knm.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "knm.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "knm.labels" -}}
{{ include "knm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "knm.image" -}}
{{- $reference := required "image.repository: name the repository to which you have pushed the image of \"make image\"" .Values.image.repository -}}
{{- with .Values.image.digest -}}
{{ $reference }}@{{ . }}
{{- else -}}
{{ $reference }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* What values.schema.json cannot say, in words. */ -}}
{{- define "knm.check" -}}
{{- if not (or (hasPrefix "https://" .Values.publicURL) .Values.tls.secretName .Values.insecureHTTP) -}}
{{- fail "publicURL: set the address with https at which a TLS proxy serves the program; or tls.secretName, so that it speaks HTTPS itself; or insecureHTTP, if the network is safe: otherwise passwords would be sent in plain text" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{- fail "metrics.enabled: needed for the ServiceMonitor, which reads the metrics on their own port" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.publicURL) -}}
{{- fail "publicURL: needed for the ingress, which has its host and path" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.database.secretName) -}}
{{- fail "replicas: more than one needs PostgreSQL, see database.secretName; the database of a single pod is a file, which one process writes" -}}
{{- end -}}
{{- if and .Values.database.secretName (not .Values.encryptionKey.secretName) -}}
{{- fail "encryptionKey.secretName: needed with database.secretName, because all replicas need the same key" -}}
{{- end -}}
{{- end }}

{{- /* Settings that the chart makes itself, as flags without dashes. */ -}}
{{- define "knm.settings" -}}
listen: ":8080"
data: /data
{{- with .Values.publicURL }}
public-url: {{ . | quote }}
{{- end }}
{{- with .Values.trustedProxies }}
trusted-proxies: {{ join "," . | quote }}
{{- end }}
{{- if .Values.tls.secretName }}
tls-cert: /etc/kube-node-manager/tls/tls.crt
tls-key: /etc/kube-node-manager/tls/tls.key
{{- end }}
{{- if .Values.insecureHTTP }}
insecure-http: true
{{- end }}
{{- if .Values.kubeconfig.secretName }}
kubeconfig: /etc/kube-node-manager/kubeconfig/kubeconfig
{{- end }}
{{- if .Values.encryptionKey.secretName }}
key-file: /etc/kube-node-manager/key/key
{{- end }}
{{- if .Values.database.secretName }}
replica-addr: "$(POD_IP):8081"
{{- end }}
{{- if .Values.metrics.enabled }}
metrics-addr: {{ printf ":%d" (int .Values.metrics.port) | quote }}
{{- end }}
{{- end }}

{{- define "knm.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  {{- if .root.Values.tls.secretName }}
  scheme: HTTPS
  {{- end }}
{{- end }}
