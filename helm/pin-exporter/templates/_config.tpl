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
  api_key_file: /etc/pin-exporter/credentials/{{ $account.name }}/api-key
  secret_key_file: /etc/pin-exporter/credentials/{{ $account.name }}/secret-key
  {{- with include "pin-exporter.settings" $account.config | trim }}
  {{- nindent 2 . }}
  {{- end }}
{{- end }}
{{- end }}
