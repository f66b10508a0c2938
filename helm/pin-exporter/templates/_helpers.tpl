{{/* Names, labels and image. */}}

{{- define "pin-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 63 characters, the limit for the name of a Service. */}}
{{- define "pin-exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The full name of `root` plus a `suffix`, at most 63 characters together. */}}
{{- define "pin-exporter.suffixedName" -}}
{{- $suffix := default "" .suffix }}
{{- include "pin-exporter.fullname" .root | trunc (sub 63 (len $suffix) | int) | trimSuffix "-" }}{{ $suffix }}
{{- end }}

{{- define "pin-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* Selector labels. Immutable: Kubernetes rejects changes of a Deployment's selector. */}}
{{- define "pin-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pin-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of the test pod. They differ from the exporter's, so that the Service does not select it. */}}
{{- define "pin-exporter.testSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "pin-exporter.name" . | trunc 58 | trimSuffix "-") | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of the shards' Service. They differ, so that a ServiceMonitor does not scrape everything twice. */}}
{{- define "pin-exporter.shardsServiceLabels" -}}
app.kubernetes.io/name: {{ printf "%s-shards" (include "pin-exporter.name" . | trunc 56 | trimSuffix "-") | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* "true" if there is more than one shard, else empty. */}}
{{- define "pin-exporter.sharded" -}}
{{- if gt (int .Values.shards) 1 }}
{{- if .Values.demo.enabled }}
{{- fail "shards must be 1 with demo.enabled: every pod simulates its own accounts" }}
{{- end }}
{{- "true" }}
{{- end }}
{{- end }}

{{/* Kind of the workload. */}}
{{- define "pin-exporter.workload" -}}
{{- ternary "StatefulSet" "Deployment" (eq (include "pin-exporter.sharded" .) "true") }}
{{- end }}

{{/* At most 52 characters: Kubernetes appends an 11-character revision in a label. */}}
{{- define "pin-exporter.statefulSetName" -}}
{{- include "pin-exporter.fullname" . | trunc 52 | trimSuffix "-" | trimSuffix "." }}
{{- end }}

{{- define "pin-exporter.chartLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{- define "pin-exporter.commonLabels" -}}
{{- merge (dict) (default dict .Values.commonLabels) (default dict .Values.global.commonLabels) | toYaml }}
{{- end }}

{{/*
Metadata of an object. Takes `root`, and if wanted `suffix` of the name, `namespace`, `labels`, `annotations`, and
`selectorLabels` other than the exporter's.
*/}}
{{- define "pin-exporter.metadata" -}}
{{- $root := .root }}
{{- $selectorLabels := default (include "pin-exporter.selectorLabels" $root) .selectorLabels | fromYaml }}
{{- $chartLabels := include "pin-exporter.chartLabels" $root | fromYaml -}}
name: {{ include "pin-exporter.suffixedName" . | quote }}
namespace: {{ default (include "pin-exporter.namespace" $root) .namespace | quote }}
labels:
  {{- merge $selectorLabels (default dict .labels) (include "pin-exporter.commonLabels" $root | fromYaml) $chartLabels | toYaml | nindent 2 }}
{{- with merge (dict) (default dict .annotations) (default dict $root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The `names` that are set in `values`. */}}
{{- define "pin-exporter.given" -}}
{{- $given := dict }}
{{- range $name := .names }}
{{- with get $.values $name }}
{{- $_ := set $given $name . }}
{{- end }}
{{- end }}
{{- toYaml $given }}
{{- end }}

{{- define "pin-exporter.serviceAccountName" -}}
{{- $made := ternary (include "pin-exporter.fullname" .) "default" .Values.serviceAccount.create }}
{{- default $made .Values.serviceAccount.name }}
{{- end }}

{{- define "pin-exporter.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $version := printf ":%s" (default .Chart.AppVersion .Values.image.tag) }}
{{- with .Values.image.digest }}
{{- $version = printf "@%s" . }}
{{- end }}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}{{ $version }}
{{- end }}

{{/* Port of the Service. A headless Service resolves to pods, so it has their port. */}}
{{- define "pin-exporter.servicePort" -}}
{{- ternary .Values.containerPort .Values.service.port (eq (toString .Values.service.clusterIP) "None") }}
{{- end }}

{{- define "pin-exporter.telemetryPath" -}}
{{- default dict .Values.config | dig "web_telemetry_path" "" | default "/metrics" }}
{{- end }}
