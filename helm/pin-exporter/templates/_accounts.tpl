{{/*
All accounts as a JSON list, each with `name`, `secret`, `keys` (where in the Secret the two keys are) and `config`.
Fails if it is unclear which keys are meant.
*/}}
{{- define "pin-exporter.accounts" -}}
{{- include "pin-exporter.checkForms" . }}
{{- $accounts := list }}
{{- $names := dict }}
{{- range $index, $entry := include "pin-exporter.entries" . | fromJsonArray }}
{{- $where := ternary (printf "accounts[%d] (%s)" $index (default "unnamed" $entry.name)) "credentials" (not (empty $.Values.accounts)) }}
{{- include "pin-exporter.checkEntry" (dict "entry" $entry "where" $where "names" $names) }}
{{- $_ := set $names $entry.name true }}
{{- $keys := dict "apiKey" (printf "%s.api-key" $entry.name) "secretKey" (printf "%s.secret-key" $entry.name) }}
{{- if $entry.existingSecret }}
{{- $keys = merge (dict) (default dict $entry.keys) $.Values.credentials.keys }}
{{- end }}
{{- $secret := default (include "pin-exporter.fullname" $) $entry.existingSecret }}
{{- $accounts = append $accounts (dict "name" $entry.name "secret" $secret "keys" $keys "config" (default dict $entry.config)) }}
{{- end }}
{{- toJson $accounts }}
{{- end }}

{{/* The accounts in the values as a JSON list; `credentials` is a single account. */}}
{{- define "pin-exporter.entries" -}}
{{- $credentials := .Values.credentials }}
{{- $entries := default list .Values.accounts }}
{{- if or $credentials.existingSecret $credentials.apiKey $credentials.secretKey }}
{{- $entries = list (merge (dict "name" $credentials.account) $credentials) }}
{{- end }}
{{- toJson $entries }}
{{- end }}

{{/* Fails unless accounts are configured in exactly one of the three ways. */}}
{{- define "pin-exporter.checkForms" -}}
{{- $credentials := .Values.credentials }}
{{- $single := or $credentials.existingSecret $credentials.apiKey $credentials.secretKey }}
{{- if and $single .Values.accounts }}
{{- fail "credentials and accounts are both set: move credentials into accounts" }}
{{- end }}
{{- if and .Values.demo.enabled (or $single .Values.accounts) }}
{{- fail "demo.enabled serves simulated accounts: remove credentials and accounts" }}
{{- end }}
{{- if not (or $single .Values.accounts .Values.demo.enabled) }}
{{- fail "no account: set credentials.existingSecret, or credentials.apiKey and credentials.secretKey, or accounts, or demo.enabled" }}
{{- end }}
{{- end }}

{{/* Fails for an account with an invalid or duplicate name, or without keys. `names` holds the earlier names. */}}
{{- define "pin-exporter.checkEntry" -}}
{{- if not (regexMatch "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" (default "" .entry.name)) }}
{{- fail (printf "%s: the name must have 1 to 63 letters, digits, '.', '_' or '-', and start with a letter or digit" .where) }}
{{- end }}
{{- if hasKey .names .entry.name }}
{{- fail (printf "%s: duplicate name: account names must be unique" .where) }}
{{- end }}
{{- if and .entry.existingSecret (or .entry.apiKey .entry.secretKey) }}
{{- fail (printf "%s: existingSecret and keys are both set: remove one" .where) }}
{{- end }}
{{- if not (or .entry.existingSecret (and .entry.apiKey .entry.secretKey)) }}
{{- fail (printf "%s: set existingSecret, or apiKey and secretKey" .where) }}
{{- end }}
{{- end }}

{{/* Data of the Secret that the chart creates from keys in the values. */}}
{{- define "pin-exporter.secretData" -}}
{{- range include "pin-exporter.entries" . | fromJsonArray }}
{{- if and .apiKey .secretKey }}
{{ .name }}.api-key: {{ .apiKey | b64enc | quote }}
{{ .name }}.secret-key: {{ .secretKey | b64enc | quote }}
{{- end }}
{{- end }}
{{- end }}
