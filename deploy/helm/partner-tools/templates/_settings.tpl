{{/* What a process is told: variables, and secrets as files. Each takes root and service. */}}

{{/* The settings that are not secret, as a map in JSON, without the switches of roles. */}}
{{- define "partner-tools.settings" -}}
{{- $values := .root.Values -}}
{{- $own := index $values.services .service -}}
{{- $prefix := upper .service -}}
{{- $kafka := $values.kafka -}}
{{- $made := dict
  "SETTINGS_SECRETS_DIR" (include "partner-tools.secrets-dir" .root)
  (printf "%s_HTTP_HOST" $prefix) $values.listen
  (printf "%s_HTTP_PORT" $prefix) "8000"
  "KAFKA_SERVERS" $kafka.servers
  "KAFKA_SECURITY_PROTOCOL" $kafka.securityProtocol
  "OIDC_ISSUER" $values.oidc.issuer
  "OIDC_AUDIENCE" $values.oidc.audience
  "OIDC_JWKS_URL" $values.oidc.jwksUrl
-}}
{{- $login := .kafka | default $own.kafka -}}
{{- if hasPrefix "SASL_" $kafka.securityProtocol -}}
{{- $_ := set $made "KAFKA_SASL_MECHANISM" $kafka.saslMechanism -}}
{{- $_ := set $made "KAFKA_USERNAME" $login.username -}}
{{- end -}}
{{- if hasSuffix "SSL" $kafka.securityProtocol -}}
{{- if $kafka.ca.existingSecret -}}
{{- $_ := set $made "KAFKA_CA_FILE" "/run/kafka/ca.crt" -}}
{{- end -}}
{{- if $login.certificate.existingSecret -}}
{{- $_ := set $made "KAFKA_CERTIFICATE_FILE" "/run/kafka/user.crt" -}}
{{- $_ := set $made "KAFKA_KEY_FILE" "/run/kafka/user.key" -}}
{{- end -}}
{{- end -}}
{{- if eq .service "notifications" -}}
{{- $_ := set $made "NOTIFICATIONS_DASHBOARD_URL" $values.publicUrl -}}
{{- $_ := set $made "NOTIFICATIONS_OPTIONS_URL" (printf "%s/options" $values.publicUrl) -}}
{{- end -}}
{{- if eq .service "dashboard" -}}
{{- $_ := set $made "DASHBOARD_PUBLIC_URL" $values.publicUrl -}}
{{- range list "clients" "renewals" "notifications" "tiers" -}}
{{- $name := include "partner-tools.workload-name" (dict "root" $.root "service" . "role" "main") -}}
{{- $_ := set $made (printf "DASHBOARD_%s_URL" (upper .)) (printf "http://%s:8000" $name) -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite $made (deepCopy $values.settings) (deepCopy ($own.settings | default dict)) | toJson -}}
{{- end }}

{{- define "partner-tools.secrets-dir" -}}/run/secrets/partner-tools{{- end }}

{{/* Takes also extraEnv, and roles: those that are on; without roles no switch is told. */}}
{{- define "partner-tools.env" -}}
{{- $all := include "partner-tools.settings" . | fromJson -}}
{{- if .roles -}}
{{- with .root.Values.telemetry.otlpEndpoint -}}
{{- $_ := set $all "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}
{{- end -}}
{{- $fact := index (.root.Files.Get "files/services.json" | fromJson) .service -}}
{{- range $role, $name := $fact.roles -}}
{{- $_ := set $all $name (has $role $.roles) -}}
{{- end -}}
{{- range $fact.unused -}}{{- $_ := set $all . false -}}{{- end -}}
{{- end -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ include "partner-tools.text" $value | quote }}
{{- end }}
{{- with concat .root.Values.extraEnv (.extraEnv | default list) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A value as its variable says it: numbers never as 1e+06. */}}
{{- define "partner-tools.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- . | int64 -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

{{/* The volume of the secrets. Takes also owner: whether the database's owner is among them. */}}
{{- define "partner-tools.secret-volumes" -}}
{{- $values := .root.Values -}}
{{- $own := index $values.services .service -}}
{{- $fact := index (.root.Files.Get "files/services.json" | fromJson) .service -}}
{{- $places := $own.secrets | default dict -}}
{{- $wanted := $fact.secrets -}}
{{- range $fact.optionalSecrets -}}
{{- if hasKey $places . -}}{{- $wanted = append $wanted . -}}{{- end -}}
{{- end -}}
{{- $sasl := hasPrefix "SASL_" $values.kafka.securityProtocol -}}
{{- if and $sasl (not .kafka) -}}
{{- $wanted = append $wanted "KAFKA_PASSWORD" -}}
{{- end -}}
{{- $login := .kafka | default $own.kafka -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $wanted }}
      {{- $place := index $places . | default dict }}
      - secret:
          name: {{ $place.existingSecret | default $own.existingSecret }}
          items: [{key: {{ $place.key | default . }}, path: {{ . }}}]
      {{- end }}
      {{- if .owner }}
      - secret:
          name: {{ $own.owner.existingSecret }}
          items: [{key: {{ $own.owner.key | default $fact.ownerSecret }}, path: {{ $fact.ownerSecret }}}]
      {{- end }}
      {{- if and $sasl .kafka }}
      - secret:
          name: {{ .kafka.existingSecret }}
          items: [{key: {{ .kafka.key }}, path: KAFKA_PASSWORD}]
      {{- end }}
{{- if and (hasSuffix "SSL" $values.kafka.securityProtocol) (or $values.kafka.ca.existingSecret $login.certificate.existingSecret) }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      {{- with $values.kafka.ca }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items: [{key: {{ .key }}, path: ca.crt}]
      {{- end }}
      {{- end }}
      {{- with $login.certificate }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items:
            - {key: {{ .certificateKey }}, path: user.crt}
            - {key: {{ .keyKey }}, path: user.key}
      {{- end }}
      {{- end }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmpSize | default $values.defaults.pod.tmpSize }}
{{- end }}

{{- define "partner-tools.secret-mounts" -}}
{{- $values := .root.Values -}}
{{- $login := .kafka | default (index $values.services .service).kafka -}}
- {name: secrets, mountPath: {{ include "partner-tools.secrets-dir" .root }}, readOnly: true}
{{- if and (hasSuffix "SSL" $values.kafka.securityProtocol) (or $values.kafka.ca.existingSecret $login.certificate.existingSecret) }}
- {name: kafka, mountPath: /run/kafka, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{/* What pod security calls restricted. */}}
{{- define "partner-tools.pod-security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "partner-tools.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
