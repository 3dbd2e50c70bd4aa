{{/* The port of an address, which may have none. */}}
{{- define "partner-tools.port-of" -}}
{{- $found := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $found.host -}}
{{- if $port -}}
{{- trimPrefix ":" $port -}}
{{- else -}}
{{- ternary "443" "80" (eq $found.scheme "https") -}}
{{- end -}}
{{- end }}

{{/* An egress rule. Takes to (peers; none: any address) and ports. */}}
{{- define "partner-tools.egress" -}}
- ports:
    {{- range .ports | uniq }}
    - {port: {{ . | int }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "partner-tools.egress-dns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
  {{- with .Values.networkPolicy.dns }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "partner-tools.egress-kafka" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.servers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" .) -}}
{{- end -}}
{{- include "partner-tools.egress" (dict "to" .Values.networkPolicy.kafka "ports" $ports) -}}
{{- end }}

{{- define "partner-tools.egress-postgresql" -}}
{{- $there := .Values.networkPolicy.postgresql -}}
{{- include "partner-tools.egress" (dict "to" $there.to "ports" (list $there.port)) -}}
{{- end }}

{{/* Pods of this release with these labels, as a peer. Takes root, service, and role or http. */}}
{{- define "partner-tools.own-peer" -}}
- podSelector:
    matchLabels:
      {{- include "partner-tools.selector" .root | nindent 6 }}
      {{- with .service }}
      app.kubernetes.io/component: {{ . }}
      {{- end }}
      {{- with .role }}
      partner-tools/role: {{ . }}
      {{- end }}
      {{- if .http }}
      partner-tools/http: "true"
      {{- end }}
{{- end }}

{{- define "partner-tools.policy-head" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "partner-tools.labels" .root | nindent 4 }}
{{- end }}
