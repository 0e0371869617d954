{{- define "kubenurse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kubenurse.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The Service whose EndpointSlices agents find each other by. */}}
{{- define "kubenurse.headlessName" -}}
{{- printf "%s-headless" (include "kubenurse.fullname" . | trunc 54 | trimSuffix "-") }}
{{- end }}

{{/* The same as in upstream's chart: a DaemonSet's selector cannot be changed. */}}
{{- define "kubenurse.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kubenurse.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kubenurse.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "kubenurse.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "kubenurse.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "kubenurse.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* "true" for the image of an old values file, which this chart cannot run. */}}
{{- define "kubenurse.isUpstreamImage" -}}
{{- regexMatch "^(docker\\.io/)?postfinance/kubenurse$" .Values.daemonset.image.repository }}
{{- end }}

{{- define "kubenurse.image" -}}
{{- $image := .Values.daemonset.image }}
{{- if eq (include "kubenurse.isUpstreamImage" .) "true" }}
{{- printf "ghcr.io/kubenurse/kubenurse-ts:%s" .Chart.AppVersion }}
{{- else }}
{{- printf "%s:%v" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/* ingress.url as a URL; empty: there is none. */}}
{{- define "kubenurse.ingressUrl" -}}
{{- with .Values.ingress.url }}
{{- contains "://" . | ternary . (printf "https://%s" .) }}
{{- end }}
{{- end }}

{{/* A Go duration in seconds; none: 5 s, the default of the agent's durations. */}}
{{- define "kubenurse.seconds" -}}
{{- $seconds := 0.0 }}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 1e-3 "us" 1e-6 "µs" 1e-6 "ns" 1e-9 }}
{{- range regexFindAll "[0-9.]+[a-zµ]+" (default "5s" .) -1 }}
{{- $unit := regexFind "[a-zµ]+$" . }}
{{- $seconds = addf $seconds (mulf (float64 (trimSuffix $unit .)) (get $units $unit)) }}
{{- end }}
{{- $seconds }}
{{- end }}

{{/* Seconds that SIGTERM may take: 5 s more for what is under way, and 5 s to spare. */}}
{{- define "kubenurse.gracePeriod" -}}
{{- add 10 (ceil (include "kubenurse.seconds" .Values.shutdown_duration)) }}
{{- end }}

{{/* Environment variables for the values that differ from the agent's own defaults. */}}
{{- define "kubenurse.settings" -}}
{{- $filter := "app.kubernetes.io/name=kubenurse" }}
{{- $settings := list
  (list "insecure" "KUBENURSE_INSECURE" "false")
  (list "kubernetes_service_dns" "KUBERNETES_SERVICE_DNS" "kubernetes.default.svc.cluster.local")
  (list "allow_unschedulable" "KUBENURSE_ALLOW_UNSCHEDULABLE" "false")
  (list "neighbour_filter" "KUBENURSE_NEIGHBOUR_FILTER" $filter)
  (list "discovery" "KUBENURSE_DISCOVERY" "auto")
  (list "neighbour_limit" "KUBENURSE_NEIGHBOUR_LIMIT" "10")
  (list "histogram_buckets" "KUBENURSE_HISTOGRAM_BUCKETS" ".005,.01,.025,.05,.1,.25,.5,1,2.5,5,10")
  (list "extra_ca" "KUBENURSE_EXTRA_CA" "")
  (list "check_api_server_direct" "KUBENURSE_CHECK_API_SERVER_DIRECT" "true")
  (list "check_api_server_dns" "KUBENURSE_CHECK_API_SERVER_DNS" "true")
  (list "check_me_ingress" "KUBENURSE_CHECK_ME_INGRESS" "true")
  (list "check_me_service" "KUBENURSE_CHECK_ME_SERVICE" "true")
  (list "check_neighbourhood" "KUBENURSE_CHECK_NEIGHBOURHOOD" "true")
  (list "check_mtu" "KUBENURSE_CHECK_MTU" "12")
  (list "check_udp" "KUBENURSE_CHECK_UDP" "false")
  (list "sweep" "KUBENURSE_SWEEP" "1")
  (list "check_interval" "KUBENURSE_CHECK_INTERVAL" "5s")
  (list "shutdown_duration" "KUBENURSE_SHUTDOWN_DURATION" "5s")
  (list "extra_checks" "KUBENURSE_EXTRA_CHECKS" "")
  (list "reuse_connections" "KUBENURSE_REUSE_CONNECTIONS" "false")
  (list "expose_metadata" "KUBENURSE_EXPOSE_METADATA" "true")
  (list "use_tls" "KUBENURSE_USE_TLS" "false")
  (list "cert_file" "KUBENURSE_CERT_FILE" "")
  (list "cert_key" "KUBENURSE_CERT_KEY" "")
}}
{{- range $settings }}
{{- $key := index . 0 }}
{{- $value := get $.Values $key }}
{{- if kindIs "float64" $value }}{{- $value = int64 $value }}{{- end }}
{{- $value = kindIs "invalid" $value | ternary "" (toString $value) }}
{{- if and (eq $key "neighbour_filter") (eq $value $filter) }}
{{- $value = printf "app.kubernetes.io/name=%s" (include "kubenurse.name" $) }}
{{- end }}
{{- if not (has $value (list "" (index . 2))) }}
- name: {{ index . 1 }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
