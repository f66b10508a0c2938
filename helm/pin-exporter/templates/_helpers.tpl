{{/* What several objects share: names, labels, image. */}}

{{- define "pin-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Cut at 63 characters, for that is all that the name of a Service may have. */}}
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

{{/* The full name of `root` with a `suffix`, together within 63 characters. */}}
{{- define "pin-exporter.suffixedName" -}}
{{- $suffix := default "" .suffix }}
{{- include "pin-exporter.fullname" .root | trunc (sub 63 (len $suffix) | int) | trimSuffix "-" }}{{ $suffix }}
{{- end }}

{{- define "pin-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* Name and instance for ever: Kubernetes does not let the selector of a Deployment change. */}}
{{- define "pin-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pin-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Those of the test's pod differ from the exporter's, or the Service would send it scrapes. */}}
{{- define "pin-exporter.testSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "pin-exporter.name" . | trunc 58 | trimSuffix "-") | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Those of the shards' Service differ, or a ServiceMonitor would find two and scrape everything twice. */}}
{{- define "pin-exporter.shardsServiceLabels" -}}
app.kubernetes.io/name: {{ printf "%s-shards" (include "pin-exporter.name" . | trunc 56 | trimSuffix "-") | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Whether there is more than one shard: "true" or nothing. */}}
{{- define "pin-exporter.sharded" -}}
{{- if gt (int .Values.shards) 1 }}
{{- if .Values.demo.enabled }}
{{- fail "shards divide accounts, and those of demo.enabled are made up in each pod: leave shards at 1" }}
{{- end }}
{{- "true" }}
{{- end }}
{{- end }}

{{/* Kind of what keeps the pods. */}}
{{- define "pin-exporter.workload" -}}
{{- ternary "StatefulSet" "Deployment" (eq (include "pin-exporter.sharded" .) "true") }}
{{- end }}

{{/* Cut at 52 characters: Kubernetes puts a revision of 11 behind it, into a label. */}}
{{- define "pin-exporter.statefulSetName" -}}
{{- include "pin-exporter.fullname" . | trunc 52 | trimSuffix "-" | trimSuffix "." }}
{{- end }}

{{- define "pin-exporter.chartLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
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
  {{- merge $selectorLabels (default dict .labels) (default dict $root.Values.commonLabels) $chartLabels | toYaml | nindent 2 }}
{{- with merge (dict) (default dict .annotations) (default dict $root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Those of `names` that `values` has something for. */}}
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

{{/* Port of the Service. Where that has no address, its name stands for those of the pods, with their port. */}}
{{- define "pin-exporter.servicePort" -}}
{{- ternary .Values.containerPort .Values.service.port (eq (toString .Values.service.clusterIP) "None") }}
{{- end }}

{{- define "pin-exporter.telemetryPath" -}}
{{- default dict .Values.config | dig "web_telemetry_path" "" | default "/metrics" }}
{{- end }}
