{{/* What the pods of exporter and test have in common: identity, placement, image. */}}
{{- define "pin-exporter.podBase" -}}
serviceAccountName: {{ include "pin-exporter.serviceAccountName" . | quote }}
# A Service named pin-exporter would set PIN_EXPORTER_PORT, which looks like a setting.
enableServiceLinks: false
{{- /* Without duplicates: server-side apply rejects them. */}}
{{- $pullSecrets := list }}
{{- range concat (default list .Values.global.imagePullSecrets) (default list .Values.imagePullSecrets) }}
{{- $pullSecrets = append $pullSecrets (ternary . (dict "name" .) (kindIs "map" .)) }}
{{- end }}
{{- with uniq $pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $names := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "hostNetwork" "hostAliases" "dnsPolicy" "dnsConfig" }}
{{- $usual := ternary (dict "dnsPolicy" "ClusterFirstWithHostNet") dict .Values.hostNetwork }}
{{- with merge (include "pin-exporter.given" (dict "values" .Values "names" $names) | fromYaml) $usual }}
{{ toYaml . }}
{{- end }}
securityContext:
  {{- default dict .Values.podSecurityContext | toYaml | nindent 2 }}
{{- end }}

{{/* Flags of the demo, which reads no config file. */}}
{{- define "pin-exporter.demoArgs" -}}
- demo
{{- range $name := list "web_telemetry_path" "log_level" "log_format" }}
{{- with get (default dict $.Values.config) $name }}
- --{{ $name | replace "_" "-" | replace "web-" "web." | replace "log-" "log." }}={{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Topology spread constraints. Default: shards are spread over nodes. */}}
{{- define "pin-exporter.spread" -}}
{{- $selector := dict "matchLabels" (include "pin-exporter.selectorLabels" . | fromYaml) }}
{{- $over := dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $selector }}
{{- $usual := ternary (list $over) list (eq (include "pin-exporter.sharded" .) "true") }}
{{- with default $usual .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The pod's name ends in the index of the shard. */}}
{{- define "pin-exporter.shardEnv" -}}
{{- if include "pin-exporter.sharded" . }}
- name: PIN_EXPORTER_SHARD
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: PIN_EXPORTER_TOTAL_SHARDS
  value: {{ .Values.shards | int | quote }}
{{- end }}
{{- end }}

{{/* Probe handler. kubelet has no client certificate: if one is required, the probe runs in the container. */}}
{{- define "pin-exporter.probe" -}}
{{- $probe := default dict .probe }}
{{- $values := omit $probe "httpGet" "exec" "tcpSocket" "grpc" }}
{{- $handler := pick $probe "httpGet" "exec" "tcpSocket" "grpc" }}
{{- if and (not $handler) .web.clientCertificates }}
{{- $handler = dict "exec" (dict "command" (list "pin-exporter" "healthcheck" (printf "https://127.0.0.1:%v/-/healthy" .port))) }}
{{- else if not $handler }}
{{- $scheme := ternary (dict "scheme" "HTTPS") dict .web.tls }}
{{- $handler = dict "httpGet" (merge (dict "path" .path "port" "http") $scheme) }}
{{- end }}
{{- merge $handler $values | toYaml }}
{{- end }}

{{- define "pin-exporter.pod" -}}
{{- $accounts := include "pin-exporter.accounts" . | fromJsonArray }}
{{- $hasCredentials := include "pin-exporter.anyHas" (dict "accounts" $accounts "name" "credentialSources") }}
{{- $expectsCids := include "pin-exporter.anyHas" (dict "accounts" $accounts "name" "cidSources") }}
{{- $web := include "pin-exporter.web" . | fromJson }}
{{- $mounts := or (not .Values.demo.enabled) $web.configured .Values.web.tlsSecret -}}
metadata:
  labels:
    {{- $selectorLabels := include "pin-exporter.selectorLabels" . | fromYaml }}
    {{- merge $selectorLabels (default dict .Values.podLabels) (include "pin-exporter.commonLabels" . | fromYaml) | toYaml | nindent 4 }}
  {{- $checksum := dict }}
  {{- if not .Values.demo.enabled }}
  {{- /* Settings are read at start-up. Keys and CIDs are reloaded, so they are not part of this checksum. */}}
  {{- $_ := set $checksum "checksum/config" (include "pin-exporter.config" . | sha256sum) }}
  {{- end }}
  {{- if $web.configured }}
  {{- /* Of the web config, only turning TLS or passwords on or off needs a restart. */}}
  {{- $_ := set $checksum "checksum/web" (toJson $web | sha256sum) }}
  {{- end }}
  {{- with merge $checksum (default dict .Values.podAnnotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "pin-exporter.podBase" . | nindent 2 }}
  automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
  {{- with include "pin-exporter.spread" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: pin-exporter
      image: {{ include "pin-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if .Values.demo.enabled }}
        {{- include "pin-exporter.demoArgs" . | nindent 8 }}
        {{- else }}
        - serve
        - --config.file=/etc/pin-exporter/config/config.yml
        {{- end }}
        - --web.listen-address=:{{ .Values.containerPort }}
        {{- if $web.configured }}
        - --web.config.file=/etc/pin-exporter/web/web-config.yml
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat (include "pin-exporter.shardEnv" . | fromYamlArray) (default list .Values.extraEnv) }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      {{- with .Values.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      startupProbe:
        {{- include "pin-exporter.probe" (dict "probe" .Values.startupProbe "path" "/-/healthy" "web" $web "port" .Values.containerPort) | nindent 8 }}
      livenessProbe:
        {{- include "pin-exporter.probe" (dict "probe" .Values.livenessProbe "path" "/-/healthy" "web" $web "port" .Values.containerPort) | nindent 8 }}
      readinessProbe:
        {{- include "pin-exporter.probe" (dict "probe" .Values.readinessProbe "path" "/-/ready" "web" $web "port" .Values.containerPort) | nindent 8 }}
      resources:
        {{- default dict .Values.resources | toYaml | nindent 8 }}
      securityContext:
        {{- default dict .Values.securityContext | toYaml | nindent 8 }}
      {{- if or $mounts .Values.extraVolumeMounts }}
      volumeMounts:
        {{- if not .Values.demo.enabled }}
        {{- /* Whole directories: Kubernetes does not update subPath mounts. */}}
        - name: config
          mountPath: /etc/pin-exporter/config
          readOnly: true
        {{- end }}
        {{- if $hasCredentials }}
        - name: credentials
          mountPath: /etc/pin-exporter/credentials
          readOnly: true
        {{- end }}
        {{- if $expectsCids }}
        - name: expected-cids
          mountPath: /etc/pin-exporter/expected-cids
          readOnly: true
        {{- end }}
        {{- if $web.configured }}
        - name: web
          mountPath: /etc/pin-exporter/web
          readOnly: true
        {{- end }}
        {{- if .Values.web.tlsSecret }}
        - name: tls
          mountPath: {{ include "pin-exporter.tlsDirectory" . }}
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or $mounts .Values.extraVolumes }}
  volumes:
    {{- if not .Values.demo.enabled }}
    - name: config
      configMap:
        name: {{ include "pin-exporter.fullname" . | quote }}
    {{- end }}
    {{- if $hasCredentials }}
    - name: credentials
      projected:
        # Readable by any user ID, because OpenShift assigns its own.
        defaultMode: 0444
        sources:
          {{- range $accounts }}
          {{- with .credentialSources }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
          {{- end }}
    {{- end }}
    {{- if $expectsCids }}
    - name: expected-cids
      projected:
        defaultMode: 0444
        sources:
          {{- range $accounts }}
          {{- with .cidSources }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
          {{- end }}
    {{- end }}
    {{- if $web.configured }}
    - name: web
      secret:
        secretName: {{ include "pin-exporter.webSecret" . | quote }}
        defaultMode: 0444
    {{- end }}
    {{- if .Values.web.tlsSecret }}
    - name: tls
      secret:
        secretName: {{ .Values.web.tlsSecret | quote }}
        defaultMode: 0444
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
