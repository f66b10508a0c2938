{{/*
All accounts as a JSON list, each with `name`, `secret`, `keys` (where in the Secret the two keys are) and `config`.
Fails where it is not clear which keys are meant.
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

{{/* The accounts as the values give them: `credentials` is one without a list. A JSON list. */}}
{{- define "pin-exporter.entries" -}}
{{- $credentials := .Values.credentials }}
{{- $entries := default list .Values.accounts }}
{{- if or $credentials.existingSecret $credentials.apiKey $credentials.secretKey }}
{{- $entries = list (merge (dict "name" $credentials.account) $credentials) }}
{{- end }}
{{- toJson $entries }}
{{- end }}

{{/* Fails unless accounts are given in just one of the three ways. */}}
{{- define "pin-exporter.checkForms" -}}
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
{{- end }}

{{/* Fails for an account without a good name of its own, or without keys. `names` are those before it. */}}
{{- define "pin-exporter.checkEntry" -}}
{{- if not (regexMatch "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" (default "" .entry.name)) }}
{{- fail (printf "%s: the name must be 1 to 63 letters, digits, '.', '_' or '-', and begin with a letter or digit" .where) }}
{{- end }}
{{- if hasKey .names .entry.name }}
{{- fail (printf "%s: another account has this name: give each its own" .where) }}
{{- end }}
{{- if and .entry.existingSecret (or .entry.apiKey .entry.secretKey) }}
{{- fail (printf "%s: existingSecret and keys are both given: leave one out" .where) }}
{{- end }}
{{- if not (or .entry.existingSecret (and .entry.apiKey .entry.secretKey)) }}
{{- fail (printf "%s: set existingSecret, or apiKey and secretKey" .where) }}
{{- end }}
{{- end }}

{{/* Data of the Secret that the chart makes, from keys that stand in the values, by the names given above. */}}
{{- define "pin-exporter.secretData" -}}
{{- range include "pin-exporter.entries" . | fromJsonArray }}
{{- if and .apiKey .secretKey }}
{{ .name }}.api-key: {{ .apiKey | b64enc | quote }}
{{ .name }}.secret-key: {{ .secretKey | b64enc | quote }}
{{- end }}
{{- end }}
{{- end }}
