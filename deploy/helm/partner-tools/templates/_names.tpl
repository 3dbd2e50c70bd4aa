{{/* Names and labels. */}}
{{- define "partner-tools.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 30 | trimSuffix "-" -}}
{{- end }}

{{- define "partner-tools.fullname" -}}
{{- $name := include "partner-tools.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 30 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 30 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 30 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Of every object. */}}
{{- define "partner-tools.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: partner-tools
{{ include "partner-tools.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What all pods of this release have, and nobody else's. */}}
{{- define "partner-tools.selector" -}}
app.kubernetes.io/name: {{ include "partner-tools.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What the pods of one workload have. Takes root, service and role. */}}
{{- define "partner-tools.workload-selector" -}}
{{ include "partner-tools.selector" .root }}
app.kubernetes.io/component: {{ .service }}
partner-tools/role: {{ .role }}
{{- end }}

{{/* The image of a service. Takes root and service. */}}
{{- define "partner-tools.image" -}}
{{- $own := (index .root.Values.services .service).image | default dict -}}
{{- $image := .root.Values.image -}}
{{- $where := default (printf "%s%s" $image.prefix .service) $own.repository -}}
{{- $name := ternary (printf "%s/%s" $image.registry $where) $where (ne $image.registry "") -}}
{{- if $own.digest -}}
{{- printf "%s@%s" $name $own.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (coalesce $own.tag $image.tag .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}
