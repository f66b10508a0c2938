{{/* Kind of the monitor to create, or empty. */}}
{{- define "pin-exporter.monitor" -}}
{{- $wanted := toString .Values.serviceMonitor.enabled }}
{{- if .Values.podMonitor.enabled }}
{{- if eq $wanted "true" }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled would scrape everything twice: disable one" }}
{{- end }}
{{- "PodMonitor" }}
{{- else if eq $wanted "true" }}
{{- "ServiceMonitor" }}
{{- else if and (eq $wanted "auto") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor") }}
{{- "ServiceMonitor" }}
{{- end }}
{{- end }}

{{/* The endpoint of either kind of monitor. Takes `root` and `monitor`, its values. */}}
{{- define "pin-exporter.endpoint" -}}
{{- $endpoint := dict "port" "http" "path" (include "pin-exporter.telemetryPath" .root) "scheme" (include "pin-exporter.scheme" .root) }}
{{- if not .monitor.tlsConfig }}
{{- with include "pin-exporter.tlsConfig" . | fromYaml }}
{{- $_ := set $endpoint "tlsConfig" . }}
{{- end }}
{{- end }}
{{- $names := list "interval" "scrapeTimeout" "scheme" "tlsConfig" "basicAuth" "honorLabels" "relabelings" "metricRelabelings" }}
{{- $given := include "pin-exporter.given" (dict "values" .monitor "names" $names) | fromYaml }}
{{- merge (dict) (default dict .monitor.extraEndpoint) $given $endpoint | toYaml }}
{{- end }}

{{/* TLS settings of the scrape; empty without TLS. */}}
{{- define "pin-exporter.tlsConfig" -}}
{{- if eq (default (include "pin-exporter.scheme" .root) .monitor.scheme) "https" }}
serverName: {{ include "pin-exporter.serverName" .root | quote }}
{{- $namespace := include "pin-exporter.namespace" .root }}
{{- $reachable := eq (default $namespace .monitor.namespace) $namespace }}
{{- with and $reachable .root.Values.web.tlsSecret }}
ca:
  secret:
    name: {{ . | quote }}
    key: ca.crt
{{- end }}
{{- end }}
{{- end }}

{{/* The spec without its endpoints. */}}
{{- define "pin-exporter.monitorSpec" -}}
{{- $selector := dict "matchLabels" (include "pin-exporter.selectorLabels" .root | fromYaml) }}
{{- $namespaces := dict "matchNames" (list (include "pin-exporter.namespace" .root)) }}
{{- $spec := dict "selector" $selector "namespaceSelector" $namespaces }}
{{- $names := list "jobLabel" "targetLabels" "podTargetLabels" "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- $given := include "pin-exporter.given" (dict "values" .monitor "names" $names) | fromYaml }}
{{- merge (dict) (default dict .monitor.extraSpec) $given $spec | toYaml }}
{{- end }}
