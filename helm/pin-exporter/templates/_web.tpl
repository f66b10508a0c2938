{{/* TLS and passwords of the exporter's port: what `web` sets and what follows from it. */}}

{{/* Mount path of `web.tlsSecret`. */}}
{{- define "pin-exporter.tlsDirectory" -}}
/etc/pin-exporter/tls
{{- end }}

{{/* The web config that the chart stores in a Secret, as JSON; `{}` if none. */}}
{{- define "pin-exporter.webConfig" -}}
{{- $web := .Values.web }}
{{- $config := deepCopy (default dict $web.config) }}
{{- if and $config $web.existingSecret }}
{{- fail "web.config and web.existingSecret are both set: remove one" }}
{{- end }}
{{- if and (or $web.tls $web.clientCertificates) (not $web.existingSecret) }}
{{- fail "web.tls and web.clientCertificates describe web.existingSecret, which is not set: remove them" }}
{{- end }}
{{- if and $web.clientCertificates (not $web.tls) }}
{{- fail "web.clientCertificates requires TLS: also set web.tls" }}
{{- end }}
{{- if and $web.tlsSecret (not $web.existingSecret) }}
{{- $tls := default dict $config.tls_server_config }}
{{- if not (or $tls.cert_file $tls.cert) }}
{{- $directory := include "pin-exporter.tlsDirectory" . }}
{{- $tls = merge $tls (dict "cert_file" (printf "%s/tls.crt" $directory) "key_file" (printf "%s/tls.key" $directory)) }}
{{- end }}
{{- $_ := set $config "tls_server_config" $tls }}
{{- end }}
{{- toJson $config }}
{{- end }}

{{/*
What callers of the port have to know, as JSON: `configured`, `tls`, `clientCertificates`, and `password`, which is
"yes", "no", or "maybe" for a Secret that the chart cannot look into.
*/}}
{{- define "pin-exporter.web" -}}
{{- $web := .Values.web }}
{{- $config := include "pin-exporter.webConfig" . | fromJson }}
{{- if $web.existingSecret }}
{{- dict "configured" true "tls" $web.tls "clientCertificates" $web.clientCertificates "password" "maybe" | toJson }}
{{- else }}
{{- $tls := default dict $config.tls_server_config }}
{{- $demands := has $tls.client_auth_type (list "RequireAnyClientCert" "RequireAndVerifyClientCert") }}
{{- $on := or $tls.cert_file $tls.cert | empty | not }}
{{- dict "configured" (not (empty $config)) "tls" $on "clientCertificates" (and $on $demands) "password" (ternary "no" "yes" (empty $config.basic_auth_users)) | toJson }}
{{- end }}
{{- end }}

{{- define "pin-exporter.webSecret" -}}
{{- default (include "pin-exporter.suffixedName" (dict "root" . "suffix" "-web")) .Values.web.existingSecret }}
{{- end }}

{{- define "pin-exporter.scheme" -}}
{{- ternary "https" "http" (include "pin-exporter.web" . | fromJson).tls }}
{{- end }}

{{/* Server name to verify: pods are scraped by IP address, which no certificate has. */}}
{{- define "pin-exporter.serverName" -}}
{{ include "pin-exporter.fullname" . }}.{{ include "pin-exporter.namespace" . }}.svc
{{- end }}
