{{/*
Refuses, in the agent's words, what would stop every agent at its start and what
values.schema.json cannot tell.
*/}}
{{- define "kubenurse.refuse" -}}
{{- $values := .Values }}
{{- if eq (toString $values.victoriametrics_histogram) "true" }}
{{- fail "victoriametrics_histogram=true: expected \"false\": buckets with the label vmrange are not supported, those with le are always there" }}
{{- end }}
{{- $interval := float64 (include "kubenurse.seconds" $values.check_interval) }}
{{- if or (lt $interval 0.1) (gt $interval 86400.0) }}
{{- fail (printf "check_interval=%v: expected a duration from 100ms to 24h" $values.check_interval) }}
{{- end }}
{{- if gt (float64 (include "kubenurse.seconds" $values.shutdown_duration)) 86400.0 }}
{{- fail (printf "shutdown_duration=%v: expected a duration of 24h or less" $values.shutdown_duration) }}
{{- end }}
{{- if eq (toString $values.use_tls) "true" }}
{{- $variables := list }}
{{- range $values.daemonset.extraEnvs }}
{{- $variables = append $variables .name }}
{{- end }}
{{- $cert := or $values.cert_file (has "KUBENURSE_CERT_FILE" $variables) }}
{{- $key := or $values.cert_key (has "KUBENURSE_CERT_KEY" $variables) }}
{{- if not (and $cert $key) }}
{{- fail "use_tls=true needs cert_file and cert_key: files from daemonset.volumes, below /etc/kubenurse" }}
{{- end }}
{{- end }}
{{- /* coarser than the agent, for references such as $(POD_NAME) */}}
{{- $word := "[^\\s,=!]+" }}
{{- $is := printf "\\s*(==?|!=)\\s*(%s)?" $word }}
{{- $in := "\\s+(in|notin)\\s*\\([^()]*\\)" }}
{{- $requirement := printf "\\s*(!\\s*%s|%s(%s|%s)?)\\s*" $word $word $is $in }}
{{- $selector := printf "^(%s(,%s)*)?$" $requirement $requirement }}
{{- with $values.neighbour_filter }}
{{- if not (regexMatch $selector .) }}
{{- fail (printf "neighbour_filter=%q: expected a label selector such as \"app.kubernetes.io/name=kubenurse\"" .) }}
{{- end }}
{{- end }}
{{- end }}
