{{/*
The shipped rules as the values change them: a JSON list of groups. Nothing in them is a template of Helm's, for what
stands in braces is for Prometheus.
*/}}
{{- define "pin-exporter.ruleGroups" -}}
{{- $values := .Values.prometheusRule }}
{{- $changes := default dict $values.alerts }}
{{- $numbers := default dict $values.thresholds }}
{{- $groups := list }}
{{- $alerts := list }}
{{- $thresholds := list }}
{{- range $group := (.Files.Get "files/rules.yml" | fromYaml).groups }}
{{- $rules := list }}
{{- range $rule := $group.rules }}
{{- if eq (default "" $rule.record) "aiozpin:alert_threshold" }}
{{- $thresholds = append $thresholds $rule.labels.threshold }}
{{- if hasKey $numbers $rule.labels.threshold }}
{{- $number := get $numbers $rule.labels.threshold | toJson | trimAll "\"" }}
{{- $_ := set $rule "expr" (printf "vector(%s)" $number) }}
{{- end }}
{{- end }}
{{- $change := dict }}
{{- if $rule.alert }}
{{- $alerts = append $alerts $rule.alert }}
{{- $change = default dict (get $changes $rule.alert) }}
{{- with $change.for }}{{ $_ := set $rule "for" . }}{{ end }}
{{- with $change.severity }}{{ $_ := set $rule.labels "severity" . }}{{ end }}
{{- $_ := set $rule "labels" (merge (dict) (default dict $change.labels) (default dict $values.alertLabels) $rule.labels) }}
{{- $url := printf "%s%s" (default "" $values.grafanaUrl | trimSuffix "/") $rule.annotations.dashboard_url }}
{{- $_ := set $rule.annotations "dashboard_url" $url }}
{{- end }}
{{- if dig "enabled" true $change }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- end }}
{{- $groups = append $groups (dict "name" $group.name "rules" $rules) }}
{{- end }}
{{- range keys $changes | sortAlpha }}
{{- if not (has . $alerts) }}
{{- fail (printf "prometheusRule.alerts: unknown alert %s; known are %s" . (join ", " $alerts)) }}
{{- end }}
{{- end }}
{{- range keys $numbers | sortAlpha }}
{{- if not (has . $thresholds) }}
{{- fail (printf "prometheusRule.thresholds: unknown threshold %s; known are %s" . (join ", " $thresholds)) }}
{{- end }}
{{- end }}
{{- range $additional := $values.additionalGroups }}
{{- range $group := $groups }}
{{- if eq $additional.name $group.name }}
{{- fail (printf "prometheusRule.additionalGroups: duplicate name %s: group names must be unique" $group.name) }}
{{- end }}
{{- end }}
{{- end }}
{{- concat $groups (default list $values.additionalGroups) | toJson }}
{{- end }}
