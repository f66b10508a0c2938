{{/* What to scrape and how: the same for both kinds of monitor. Takes `root` and `monitor`, the values. */}}
{{- define "pin-exporter.endpoint" -}}
{{- $endpoint := dict "port" "http" "path" (include "pin-exporter.telemetryPath" .root) }}
{{- range $name := list "interval" "scrapeTimeout" "scheme" "tlsConfig" "basicAuth" "honorLabels" "relabelings" "metricRelabelings" }}
{{- with get $.monitor $name }}
{{- $_ := set $endpoint $name . }}
{{- end }}
{{- end }}
{{- merge (dict) .monitor.extraEndpoint $endpoint | toYaml }}
{{- end }}

{{/* The specification but for its endpoints. */}}
{{- define "pin-exporter.monitorSpec" -}}
{{- $selector := dict "matchLabels" (include "pin-exporter.selectorLabels" .root | fromYaml) }}
{{- $namespaces := dict "matchNames" (list (include "pin-exporter.namespace" .root)) }}
{{- $spec := dict "selector" $selector "namespaceSelector" $namespaces }}
{{- range $name := list "jobLabel" "targetLabels" "podTargetLabels" "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- with get $.monitor $name }}
{{- $_ := set $spec $name . }}
{{- end }}
{{- end }}
{{- merge (dict) .monitor.extraSpec $spec | toYaml }}
{{- end }}
