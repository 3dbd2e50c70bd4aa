{{/*
A Job that runs one command of a service. Takes root, service, role (migrate or topics), args,
values (mode, resources, …), and owner or kafka as `partner-tools.secret-volumes` does. Its name has
the revision, and a digest of what it runs, since a Job cannot be changed and Argo CD knows no
revisions.
*/}}
{{- define "partner-tools.job" -}}
{{- $spec := include "partner-tools.job-pod" . -}}
{{- $hook := eq .values.mode "hook" -}}
{{- $name := printf "%s-%s" (include "partner-tools.fullname" .root) (ternary .role (printf "%s-%s" .role .service) (eq .role "topics")) -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}{{ if not $hook }}-{{ .root.Release.Revision }}-{{ $spec | sha256sum | trunc 6 }}{{ end }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "partner-tools.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .service }}
    partner-tools/role: {{ .role }}
  {{- if $hook }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ ternary "0" "1" (eq .role "topics") | quote }}
    helm.sh/hook-delete-policy: before-hook-creation
  {{- end }}
spec:
  backoffLimit: 6
  activeDeadlineSeconds: {{ .values.deadlineSeconds | int }}
  {{- if not $hook }}
  ttlSecondsAfterFinished: {{ .values.keepSeconds | int }}
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "partner-tools.labels" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .service }}
        partner-tools/role: {{ .role }}
    spec:
      {{- $spec | nindent 6 }}
{{- end }}

{{- define "partner-tools.job-pod" -}}
{{- $values := index .root.Values.services .service -}}
{{- $pod := mergeOverwrite (deepCopy .root.Values.defaults.pod) (deepCopy ($values.pod | default dict)) -}}
restartPolicy: Never
{{- if and (ne .values.mode "hook") $values.enabled }}
serviceAccountName: {{ include "partner-tools.fullname" .root }}-{{ .service }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- include "partner-tools.pod-security" .root | nindent 2 }}
containers:
  - name: {{ .role }}
    image: {{ include "partner-tools.image" . }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ .args | toJson }}
    env:
      {{- include "partner-tools.env" . | trim | nindent 6 }}
    securityContext:
      {{- include "partner-tools.container-security" .root | nindent 6 }}
    resources:
      {{- toYaml .values.resources | nindent 6 }}
    volumeMounts:
      {{- include "partner-tools.secret-mounts" . | nindent 6 }}
      {{- with $values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  {{- include "partner-tools.secret-volumes" . | nindent 2 }}
  {{- with $values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
