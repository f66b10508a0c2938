{{/* What to scrape and how: the same for both kinds of monitor. Takes `root` and `monitor`, the values. */}}
{{- define "pin-exporter.endpoint" -}}
{{- $endpoint := dict "port" "http" "path" (include "pin-exporter.telemetryPath" .root) }}
{{- $names := list "interval" "scrapeTimeout" "scheme" "tlsConfig" "basicAuth" "honorLabels" "relabelings" "metricRelabelings" }}
{{- $given := include "pin-exporter.given" (dict "values" .monitor "names" $names) | fromYaml }}
{{- merge (dict) (default dict .monitor.extraEndpoint) $given $endpoint | toYaml }}
{{- end }}

{{/* The specification but for its endpoints. */}}
{{- define "pin-exporter.monitorSpec" -}}
{{- $selector := dict "matchLabels" (include "pin-exporter.selectorLabels" .root | fromYaml) }}
{{- $namespaces := dict "matchNames" (list (include "pin-exporter.namespace" .root)) }}
{{- $spec := dict "selector" $selector "namespaceSelector" $namespaces }}
{{- $names := list "jobLabel" "targetLabels" "podTargetLabels" "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- $given := include "pin-exporter.given" (dict "values" .monitor "names" $names) | fromYaml }}
{{- merge (dict) (default dict .monitor.extraSpec) $given $spec | toYaml }}
{{- end }}
