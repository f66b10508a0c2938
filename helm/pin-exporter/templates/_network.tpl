{{/* Rules of the NetworkPolicies. */}}

{{- define "pin-exporter.dnsEgress" -}}
# OpenShift's DNS pods listen on 5353.
- ports:
    {{- range $port := list 53 5353 }}
    - port: {{ $port }}
      protocol: UDP
    - port: {{ $port }}
      protocol: TCP
    {{- end }}
{{- end }}

{{/* Ports of the APIs, gateways and proxies of all accounts. */}}
{{- define "pin-exporter.egressPorts" -}}
{{- $shared := merge (dict) (default dict .Values.config) (dict "base_url" "https://api.aiozpin.network/api") }}
{{- $ports := list }}
{{- range $account := include "pin-exporter.accounts" . | fromJsonArray }}
{{- range $setting := list "base_url" "gateway_url" "proxy_url" }}
{{- with default (get $shared $setting) (get $account.config $setting) }}
{{- if ne . "direct" }}
{{- /* Without user and password, which an error message would repeat. */}}
{{- $url := regexReplaceAll "^([^:/]+://)[^/]*@" . "${1}" | urlParse }}
{{- $usual := eq (lower $url.scheme) "http" | ternary "80" "443" }}
{{- $ports = append $ports (regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default $usual | int) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $ports | toYaml }}
{{- end }}
