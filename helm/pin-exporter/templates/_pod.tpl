{{/* What the pods of exporter and test share: who runs them, where, and from what image. */}}
{{- define "pin-exporter.podBase" -}}
serviceAccountName: {{ include "pin-exporter.serviceAccountName" . | quote }}
automountServiceAccountToken: false
# A Service called pin-exporter would set PIN_EXPORTER_PORT, which reads like a setting.
enableServiceLinks: false
{{- with concat (default list .Values.global.imagePullSecrets) (default list .Values.imagePullSecrets) }}
imagePullSecrets:
  {{- range . }}
  {{- if kindIs "map" . }}
  - name: {{ .name | quote }}
  {{- else }}
  - name: {{ . | quote }}
  {{- end }}
  {{- end }}
{{- end }}
{{- $names := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "hostAliases" "dnsPolicy" "dnsConfig" }}
{{- with include "pin-exporter.given" (dict "values" .Values "names" $names) | fromYaml }}
{{ toYaml . }}
{{- end }}
securityContext:
  {{- default dict .Values.podSecurityContext | toYaml | nindent 2 }}
{{- end }}

{{/* Flags of the demonstration, which reads no configuration file. */}}
{{- define "pin-exporter.demoArgs" -}}
- demo
{{- range $name := list "web_telemetry_path" "log_level" "log_format" }}
{{- with get (default dict $.Values.config) $name }}
- --{{ $name | replace "_" "-" | replace "web-" "web." | replace "log-" "log." }}={{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pin-exporter.probe" -}}
{{- $probe := default dict .probe }}
{{- $values := omit $probe "httpGet" "exec" "tcpSocket" "grpc" }}
{{- $handler := pick $probe "httpGet" "exec" "tcpSocket" "grpc" }}
{{- if not $handler }}
{{- $handler = dict "httpGet" (dict "path" .path "port" "http") }}
{{- end }}
{{- merge $handler $values | toYaml }}
{{- end }}

{{- define "pin-exporter.pod" -}}
{{- $accounts := include "pin-exporter.accounts" . | fromJsonArray -}}
metadata:
  labels:
    {{- $selectorLabels := include "pin-exporter.selectorLabels" . | fromYaml }}
    {{- merge $selectorLabels (default dict .Values.podLabels) (default dict .Values.commonLabels) | toYaml | nindent 4 }}
  {{- $checksum := dict }}
  {{- if not .Values.demo.enabled }}
  {{- /* The exporter reads settings only when it starts, but keys at any time: those are not in this sum. */}}
  {{- $checksum = dict "checksum/config" (include "pin-exporter.config" . | sha256sum) }}
  {{- end }}
  {{- with merge $checksum (default dict .Values.podAnnotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "pin-exporter.podBase" . | nindent 2 }}
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
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnv }}
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
      startupProbe:
        {{- include "pin-exporter.probe" (dict "probe" .Values.startupProbe "path" "/-/healthy") | nindent 8 }}
      livenessProbe:
        {{- include "pin-exporter.probe" (dict "probe" .Values.livenessProbe "path" "/-/healthy") | nindent 8 }}
      readinessProbe:
        {{- include "pin-exporter.probe" (dict "probe" .Values.readinessProbe "path" "/-/ready") | nindent 8 }}
      resources:
        {{- default dict .Values.resources | toYaml | nindent 8 }}
      securityContext:
        {{- default dict .Values.securityContext | toYaml | nindent 8 }}
      {{- if or (not .Values.demo.enabled) .Values.extraVolumeMounts }}
      volumeMounts:
        {{- if not .Values.demo.enabled }}
        {{- /* Whole directories: Kubernetes does not update what is mounted by subPath. */}}
        - name: config
          mountPath: /etc/pin-exporter/config
          readOnly: true
        - name: credentials
          mountPath: /etc/pin-exporter/credentials
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or (not .Values.demo.enabled) .Values.extraVolumes }}
  volumes:
    {{- if not .Values.demo.enabled }}
    - name: config
      configMap:
        name: {{ include "pin-exporter.fullname" . | quote }}
    - name: credentials
      projected:
        # Readable for any user ID, since OpenShift and others choose their own.
        defaultMode: 0444
        sources:
          {{- range $account := $accounts }}
          - secret:
              name: {{ $account.secret | quote }}
              items:
                - key: {{ $account.keys.apiKey | quote }}
                  path: {{ $account.name | printf "%s/api-key" | quote }}
                - key: {{ $account.keys.secretKey | quote }}
                  path: {{ $account.name | printf "%s/secret-key" | quote }}
          {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
