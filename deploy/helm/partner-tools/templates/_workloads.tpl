{{/*
Every Deployment that there is to be, as JSON: {"items": [{service, role, roles, …}]}. A role that
is named in the values has one of its own; the others of a service are together in its `main`.
*/}}
{{- define "partner-tools.workloads" -}}
{{- $found := list -}}
{{- range $service, $fact := (.Files.Get "files/services.json" | fromJson) -}}
{{- $values := index $.Values.services $service -}}
{{- if $values.enabled -}}
{{- $apart := $values.roles | default dict -}}
{{- $main := list -}}
{{- range $role := keys $fact.roles | sortAlpha -}}
{{- if not (hasKey $apart $role) -}}{{- $main = append $main $role -}}{{- end -}}
{{- end -}}
{{- $run := pick $values "replicas" "resources" "autoscaling" "pod" -}}
{{- $base := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy $run) -}}
{{- if $main -}}
{{- $more := dict "service" $service "role" "main" "roles" $main "extraEnv" ($values.extraEnv | default list) -}}
{{- $found = append $found (merge $more $base) -}}
{{- end -}}
{{- range $role, $own := $apart -}}
{{- $base := mergeOverwrite (deepCopy $.Values.defaults) (omit (deepCopy $run) "autoscaling") (deepCopy $own) -}}
{{- $env := concat ($values.extraEnv | default list) ($own.extraEnv | default list) -}}
{{- $more := dict "service" $service "role" $role "roles" (list $role) "extraEnv" $env -}}
{{- $found = append $found (merge $more $base) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $found -}}
{{- if and (eq .autoscaling.mode "lag") (not (has "consumers" .roles)) -}}
{{- fail (printf "services.%s.autoscaling.mode: lag is what the consumers have, and they run apart here; say it at services.%s.roles.consumers.autoscaling" .service .service) -}}
{{- end -}}
{{- end -}}
{{- dict "items" $found | toJson -}}
{{- end }}

{{/* The name of a workload. Takes root, service and role. */}}
{{- define "partner-tools.workload-name" -}}
{{- $suffix := ternary "" (printf "-%s" .role) (eq .role "main") -}}
{{- printf "%s-%s%s" (include "partner-tools.fullname" .root) .service $suffix -}}
{{- end }}
