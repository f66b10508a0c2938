{{/* What several objects share: names, labels, image, accounts. */}}

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
{{- $tag := printf ":%s" (default .Chart.AppVersion .Values.image.tag) }}
{{- $version := ternary (printf "@%s" .Values.image.digest) $tag (ne .Values.image.digest "") }}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}{{ $version }}
{{- end }}

{{- define "pin-exporter.telemetryPath" -}}
{{- default dict .Values.config | dig "web_telemetry_path" "" | default "/metrics" }}
{{- end }}

{{/*
All accounts as a JSON list, each with `name`, `secret`, `keys` (where in the Secret the two keys are) and `config`.
Fails where it is not clear which keys are meant.
*/}}
{{- define "pin-exporter.accounts" -}}
{{- $credentials := .Values.credentials }}
{{- $single := or $credentials.existingSecret $credentials.apiKey $credentials.secretKey }}
{{- if and $single .Values.accounts }}
{{- fail "credentials and accounts are both given: make the former an entry of accounts" }}
{{- end }}
{{- if and .Values.demo.enabled (or $single .Values.accounts) }}
{{- fail "demo.enabled serves made-up accounts: leave out credentials and accounts" }}
{{- end }}
{{- if not (or $single .Values.accounts .Values.demo.enabled) }}
{{- fail "no account: set credentials.existingSecret, or credentials.apiKey and credentials.secretKey, or accounts, or demo.enabled" }}
{{- end }}
{{- $entries := .Values.accounts }}
{{- if $single }}
{{- $entries = list (merge (dict "name" $credentials.account) $credentials) }}
{{- end }}
{{- $accounts := list }}
{{- $names := list }}
{{- range $index, $entry := $entries }}
{{- $name := default "" $entry.name | toString }}
{{- $where := ternary "credentials" (printf "accounts[%d] (%s)" $index $name) (not (empty $single)) }}
{{- if not (regexMatch "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" $name) }}
{{- fail (printf "%s: the name must be 1 to 63 letters, digits, '.', '_' or '-', and begin with a letter or digit" $where) }}
{{- end }}
{{- if has $name $names }}
{{- fail (printf "%s: another account has this name: give each its own" $where) }}
{{- end }}
{{- if and $entry.existingSecret (or $entry.apiKey $entry.secretKey) }}
{{- fail (printf "%s: existingSecret and keys are both given: leave one out" $where) }}
{{- end }}
{{- if not (or $entry.existingSecret (and $entry.apiKey $entry.secretKey)) }}
{{- fail (printf "%s: set existingSecret, or apiKey and secretKey" $where) }}
{{- end }}
{{- $names = append $names $name }}
{{- $keys := dict "apiKey" (printf "%s.api-key" $name) "secretKey" (printf "%s.secret-key" $name) }}
{{- if $entry.existingSecret }}
{{- $keys = merge (dict) (default dict $entry.keys) $credentials.keys }}
{{- end }}
{{- $secret := default (include "pin-exporter.fullname" $) $entry.existingSecret }}
{{- $accounts = append $accounts (dict "name" $name "secret" $secret "keys" $keys "config" (default dict $entry.config)) }}
{{- end }}
{{- toJson $accounts }}
{{- end }}

{{/* The Secret that the chart makes, from keys that stand in the values: its data, by the names given above. */}}
{{- define "pin-exporter.secretData" -}}
{{- $credentials := .Values.credentials }}
{{- range default (list (merge (dict "name" $credentials.account) $credentials)) .Values.accounts }}
{{- if and .apiKey .secretKey }}
{{ .name }}.api-key: {{ .apiKey | b64enc | quote }}
{{ .name }}.secret-key: {{ .secretKey | b64enc | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which kind of monitor to make, if any. */}}
{{- define "pin-exporter.monitor" -}}
{{- $wanted := toString .Values.serviceMonitor.enabled }}
{{- if .Values.podMonitor.enabled }}
{{- if eq $wanted "true" }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled would scrape everything twice: leave one out" }}
{{- end }}
{{- "PodMonitor" }}
{{- else if eq $wanted "true" }}
{{- "ServiceMonitor" }}
{{- else if and (eq $wanted "auto") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor") }}
{{- "ServiceMonitor" }}
{{- end }}
{{- end }}
