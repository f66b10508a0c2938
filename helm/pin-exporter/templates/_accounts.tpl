{{/*
All accounts as a JSON list. Each has `name`, `config`, `files` (settings that name a file, and its path), `keys` (a text
that says where the two keys are), and sources of projected volumes: `credentialSources` and `cidSources`. Fails if it is
unclear which keys are meant.
*/}}
{{- define "pin-exporter.accounts" -}}
{{- include "pin-exporter.checkForms" . }}
{{- $accounts := list }}
{{- $names := dict }}
{{- range $index, $entry := include "pin-exporter.entries" . | fromJsonArray }}
{{- $listed := not (empty $.Values.accounts) }}
{{- $where := ternary (printf "accounts[%d] (%s)" $index (default "unnamed" $entry.name)) "credentials" $listed }}
{{- $shared := default dict $.Values.config }}
{{- $own := ternary (default dict $entry.config) $shared $listed }}
{{- include "pin-exporter.checkEntry" (dict "entry" $entry "where" $where "names" $names "own" $own "shared" $shared) }}
{{- $_ := set $names $entry.name true }}
{{- $account := dict "name" $entry.name "config" (default dict $entry.config) "files" dict }}
{{- include "pin-exporter.addCredentials" (dict "root" $ "entry" $entry "account" $account) }}
{{- include "pin-exporter.addExpectedCids" (dict "root" $ "entry" $entry "account" $account) }}
{{- $accounts = append $accounts $account }}
{{- end }}
{{- toJson $accounts }}
{{- end }}

{{/* "true" if any of the `accounts` has something under a `name`, else empty. */}}
{{- define "pin-exporter.anyHas" -}}
{{- $found := "" }}
{{- range .accounts }}
{{- if get . $.name }}
{{- $found = "true" }}
{{- end }}
{{- end }}
{{- $found }}
{{- end }}

{{/* Adds the keys and the gateway token of an `entry` to its `account`. */}}
{{- define "pin-exporter.addCredentials" -}}
{{- $name := .entry.name }}
{{- $keys := dict "apiKey" (printf "%s.api-key" $name) "secretKey" (printf "%s.secret-key" $name) }}
{{- if .entry.existingSecret }}
{{- $keys = .entry.keys }}
{{- else if .entry.gatewayToken }}
{{- $_ := set $keys "gatewayToken" (printf "%s.gateway-token" $name) }}
{{- end }}
{{- $mounted := not .entry.apiKeyFile }}
{{- $secret := default (include "pin-exporter.fullname" .root) .entry.existingSecret }}
{{- $directory := printf "/etc/pin-exporter/credentials/%s" $name }}
{{- $items := list (dict "key" $keys.apiKey "path" (printf "%s/api-key" $name)) (dict "key" $keys.secretKey "path" (printf "%s/secret-key" $name)) }}
{{- $source := dict "name" $secret "items" $items }}
{{- if include "pin-exporter.sharded" .root }}
{{- /* A missing Secret stops only the shard that needs it. */}}
{{- $_ := set $source "optional" true }}
{{- end }}
{{- $sources := ternary (list (dict "secret" $source)) list $mounted }}
{{- $_ := set .account.files "api_key_file" (default (printf "%s/api-key" $directory) .entry.apiKeyFile) }}
{{- $_ := set .account.files "secret_key_file" (default (printf "%s/secret-key" $directory) .entry.secretKeyFile) }}
{{- if $keys.gatewayToken }}
{{- /* Optional: without the token, the account is polled all the same. */}}
{{- $items := list (dict "key" $keys.gatewayToken "path" (printf "%s/gateway-token" $name)) }}
{{- $sources = append $sources (dict "secret" (dict "name" $secret "items" $items "optional" true)) }}
{{- $_ := set .account.files "gateway_token_file" (printf "%s/gateway-token" $directory) }}
{{- end }}
{{- $where := printf "%s and %s of Secret %s" $keys.apiKey $keys.secretKey $secret }}
{{- $_ := set .account "keys" (ternary $where (printf "%s and %s" .account.files.api_key_file .account.files.secret_key_file) $mounted) }}
{{- $_ := set .account "credentialSources" $sources }}
{{- end }}

{{/* Adds the expected CIDs of an `entry` to its `account`. */}}
{{- define "pin-exporter.addExpectedCids" -}}
{{- $expected := .entry.expectedCids }}
{{- $file := printf "%s.txt" .entry.name }}
{{- $source := dict }}
{{- if $expected.existingConfigMap }}
{{- $source = dict "configMap" (dict "name" $expected.existingConfigMap "items" (list (dict "key" $expected.key "path" $file))) }}
{{- else if $expected.existingSecret }}
{{- $source = dict "secret" (dict "name" $expected.existingSecret "items" (list (dict "key" $expected.key "path" $file))) }}
{{- else if $expected.cids }}
{{- $name := include "pin-exporter.suffixedName" (dict "root" .root "suffix" "-expected-cids") }}
{{- $source = dict "configMap" (dict "name" $name "items" (list (dict "key" $file "path" $file))) }}
{{- end }}
{{- range $source }}
{{- /* Optional: without the list, the account is polled all the same, and a metric says that the list is unreadable. */}}
{{- $_ := set . "optional" true }}
{{- $_ := set $.account.files "expected_cids_file" (printf "/etc/pin-exporter/expected-cids/%s" $file) }}
{{- $_ := set $.account "cidSources" (list $source) }}
{{- end }}
{{- end }}

{{/*
The accounts in the values as a JSON list; `credentials` is a single account. Names inside Secrets and ConfigMaps that
an account does not set are those of `credentials`.
*/}}
{{- define "pin-exporter.entries" -}}
{{- $credentials := .Values.credentials }}
{{- $entries := default list .Values.accounts }}
{{- if include "pin-exporter.single" . }}
{{- $entries = list (merge (dict "name" $credentials.account) $credentials) }}
{{- end }}
{{- $complete := list }}
{{- range $entries }}
{{- $keys := merge (dict) (default dict .keys) $credentials.keys }}
{{- $expected := merge (dict) (default dict .expectedCids) (pick $credentials.expectedCids "key") }}
{{- $complete = append $complete (merge (dict "keys" $keys "expectedCids" $expected) .) }}
{{- end }}
{{- toJson $complete }}
{{- end }}

{{/* "true" if `credentials` is set, else empty. */}}
{{- define "pin-exporter.single" -}}
{{- $credentials := .Values.credentials }}
{{- $expected := $credentials.expectedCids }}
{{- if or $credentials.existingSecret $credentials.apiKey $credentials.secretKey $credentials.apiKeyFile $credentials.secretKeyFile $credentials.gatewayToken $expected.cids $expected.existingConfigMap $expected.existingSecret }}
{{- "true" }}
{{- end }}
{{- end }}

{{/* Fails unless accounts are configured in exactly one of the three ways. */}}
{{- define "pin-exporter.checkForms" -}}
{{- $single := include "pin-exporter.single" . }}
{{- if and $single .Values.accounts }}
{{- fail "credentials and accounts are both set: move credentials into accounts" }}
{{- end }}
{{- if and .Values.demo.enabled (or $single .Values.accounts) }}
{{- fail "demo.enabled serves simulated accounts: remove credentials and accounts" }}
{{- end }}
{{- if not (or $single .Values.accounts .Values.demo.enabled) }}
{{- fail "no account: set credentials.existingSecret, or credentials.apiKey and credentials.secretKey, or credentials.apiKeyFile and credentials.secretKeyFile, or accounts, or demo.enabled" }}
{{- end }}
{{- end }}

{{/*
Fails for an account with an invalid or duplicate name, without keys, or with values that exclude each other. `names`
holds the earlier names, `own` the settings of the account alone, `shared` those of all accounts.
*/}}
{{- define "pin-exporter.checkEntry" -}}
{{- if not (regexMatch "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" (default "" .entry.name)) }}
{{- fail (printf "%s: the name must have 1 to 63 letters, digits, '.', '_' or '-', and start with a letter or digit" .where) }}
{{- end }}
{{- if hasKey .names .entry.name }}
{{- fail (printf "%s: duplicate name: account names must be unique" .where) }}
{{- end }}
{{- if and .entry.existingSecret (or .entry.apiKey .entry.secretKey .entry.gatewayToken) }}
{{- fail (printf "%s: existingSecret and keys are both set: remove one" .where) }}
{{- end }}
{{- if and (or .entry.apiKeyFile .entry.secretKeyFile) (or .entry.existingSecret .entry.apiKey .entry.secretKey) }}
{{- fail (printf "%s: apiKeyFile or secretKeyFile is set as well as existingSecret or keys: remove one" .where) }}
{{- end }}
{{- if not (or .entry.existingSecret (and .entry.apiKey .entry.secretKey) (and .entry.apiKeyFile .entry.secretKeyFile)) }}
{{- fail (printf "%s: set existingSecret, or apiKey and secretKey, or apiKeyFile and secretKeyFile" .where) }}
{{- end }}
{{- if or .entry.gatewayToken (and .entry.existingSecret .entry.keys.gatewayToken) }}
{{- if not (or .own.gateway_url .shared.gateway_url) }}
{{- fail (printf "%s: the gateway token requires a gateway: set gateway_url in config" .where) }}
{{- end }}
{{- if .own.gateway_token_file }}
{{- fail (printf "%s: the gateway token and gateway_token_file in config are both set: remove one" .where) }}
{{- end }}
{{- end }}
{{- $expected := .entry.expectedCids }}
{{- $given := compact (list (empty $expected.cids | ternary "" "cids") (empty $expected.existingConfigMap | ternary "" "existingConfigMap") (empty $expected.existingSecret | ternary "" "existingSecret")) }}
{{- if gt (len $given) 1 }}
{{- fail (printf "%s: %s of expectedCids are both set: remove one" .where (join " and " $given)) }}
{{- end }}
{{- if and $given .own.expected_cids_file }}
{{- fail (printf "%s: expectedCids and expected_cids_file in config are both set: remove one" .where) }}
{{- end }}
{{- end }}

{{/* Data of the Secret that the chart creates from keys in the values. */}}
{{- define "pin-exporter.secretData" -}}
{{- range include "pin-exporter.entries" . | fromJsonArray }}
{{- if and .apiKey .secretKey }}
{{ .name }}.api-key: {{ .apiKey | b64enc | quote }}
{{ .name }}.secret-key: {{ .secretKey | b64enc | quote }}
{{- end }}
{{- if .gatewayToken }}
{{ .name }}.gateway-token: {{ .gatewayToken | b64enc | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Data of the ConfigMap that the chart creates from expected CIDs in the values. */}}
{{- define "pin-exporter.cidData" -}}
{{- range include "pin-exporter.entries" . | fromJsonArray }}
{{- $cids := .expectedCids.cids }}
{{- if $cids }}
{{- $text := kindIs "string" $cids | ternary $cids (join "\n" $cids) }}
{{ dict (printf "%s.txt" .name) (printf "%s\n" (trimSuffix "\n" $text)) | toYaml }}
{{- end }}
{{- end }}
{{- end }}
