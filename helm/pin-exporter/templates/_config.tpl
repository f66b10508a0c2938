{{/* Settings, one per line, as JSON: Helm's YAML would abbreviate large numbers. */}}
{{- define "pin-exporter.settings" -}}
{{- range $name, $value := . }}
{{- if ne $value nil }}
{{ $name }}: {{ toJson $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* The exporter's config file. */}}
{{- define "pin-exporter.config" -}}
{{- include "pin-exporter.settings" .Values.config }}
accounts:
{{- range $account := include "pin-exporter.accounts" . | fromJsonArray }}
- name: {{ toJson $account.name }}
  {{- range $setting, $path := $account.files }}
  {{ $setting }}: {{ toJson $path }}
  {{- end }}
  {{- with include "pin-exporter.settings" $account.config | trim }}
  {{- nindent 2 . }}
  {{- end }}
{{- end }}
{{- end }}
