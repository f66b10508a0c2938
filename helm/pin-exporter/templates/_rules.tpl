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
{{- $names := list }}
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
{{- $of_name := dict }}
{{- $of_severity := dict }}
{{- if $rule.alert }}
{{- $name_and_severity := printf "%s/%s" $rule.alert $rule.labels.severity }}
{{- $alerts = append $alerts $rule.alert }}
{{- $names = concat $names (list $rule.alert $name_and_severity) }}
{{- $of_name = default dict (get $changes $rule.alert) }}
{{- $of_severity = default dict (get $changes $name_and_severity) }}
{{- with coalesce $of_severity.for $of_name.for }}{{ $_ := set $rule "for" . }}{{ end }}
{{- with coalesce $of_severity.severity $of_name.severity }}{{ $_ := set $rule.labels "severity" . }}{{ end }}
{{- $labels := merge (dict) (default dict $of_severity.labels) (default dict $of_name.labels) }}
{{- $_ := set $rule "labels" (merge $labels (default dict $values.alertLabels) $rule.labels) }}
{{- $url := printf "%s%s" (default "" $values.grafanaUrl | trimSuffix "/") $rule.annotations.dashboard_url }}
{{- $_ := set $rule.annotations "dashboard_url" $url }}
{{- $url := printf "%s%s" (default "" $values.exporterUrl | trimSuffix "/") $rule.annotations.runbook_url }}
{{- $_ := set $rule.annotations "runbook_url" $url }}
{{- end }}
{{- if and (dig "enabled" true $of_name) (dig "enabled" true $of_severity) }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- end }}
{{- /* Mimir refuses a group without rules. */}}
{{- if $rules }}
{{- $groups = append $groups (dict "name" $group.name "rules" $rules) }}
{{- end }}
{{- end }}
{{- range keys $changes | sortAlpha }}
{{- if not (has . $names) }}
{{- fail (printf "prometheusRule.alerts: unknown alert %s; known are %s" . (uniq $alerts | join ", ")) }}
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
