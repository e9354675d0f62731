{{- define "docent.name" -}}
{{- if eq .Release.Name "docent" }}docent{{ else }}{{ printf "%s-docent" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "docent.selector" -}}
app.kubernetes.io/name: docent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "docent.labels" -}}
{{ include "docent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What cannot work is refused before anything is installed. */}}
{{- define "docent.check" -}}
{{- if not .Values.secret.name }}
{{- fail "secret.name is empty. Make a Secret with the address of the PostgreSQL database under database_url, and name it." }}
{{- end }}
{{- if and (not .Values.settings.files_url) (not .Values.originals.existingClaim) }}
{{- fail "The original files have no place that all pods share. Set settings.files_url to a bucket, or originals.existingClaim to a claim." }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.host is empty. Set the name under which people open the chat." }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.trustedProxies) }}
{{- fail "trustedProxies is empty. Set the network of the ingress controller's pods, as 10.244.0.0/16; otherwise all people have one address, and share its 30 wrong passwords." }}
{{- end }}
{{- end }}

{{/* The variables of every pod. They are in its template, so that a changed setting replaces the pods. */}}
{{- define "docent.environment" -}}
{{- $secrets := dict "DATABASE_URL" .Values.secret.databaseUrl "MODEL_KEY" .Values.secret.modelKey "FILES_KEY" .Values.secret.filesKey }}
{{- range $name, $key := $secrets }}
{{- if $key }}
- {name: DOCENT_{{ $name }}_FILE, value: /run/secrets/docent/{{ $key }}}
{{- end }}
{{- end }}
{{- range $name, $value := omit .Values.settings "allowed_hosts" }}
{{- if not (kindIs "invalid" $value) }}
- name: DOCENT_{{ upper $name }}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.environment }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "docent.pod" -}}
serviceAccountName: {{ .Values.serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false # a Service named docent would add variables that begin with DOCENT_
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
volumes:
  - name: secret
    secret:
      secretName: {{ .Values.secret.name }}
      items:
        {{- range compact (list .Values.secret.databaseUrl .Values.secret.modelKey .Values.secret.filesKey) }}
        - {key: {{ . }}, path: {{ . }}}
        {{- end }}
  - name: temporary
    emptyDir: {sizeLimit: 2Gi}
  - name: session-files
    emptyDir: {}
  - name: storage
    {{- if .Values.storage.volumeClaim }}
    ephemeral:
      volumeClaimTemplate:
        spec:
          accessModes: [ReadWriteOnce]
          {{- with .Values.storage.storageClassName }}
          storageClassName: {{ . }}
          {{- end }}
          resources: {requests: {storage: {{ .Values.storage.size }}}}
    {{- else }}
    emptyDir: {sizeLimit: {{ .Values.storage.size }}}
    {{- end }}
  {{- with .Values.originals.existingClaim }}
  - name: originals
    persistentVolumeClaim: {claimName: {{ . }}}
  {{- end }}
  {{- if .Values.configFiles }}
  - name: files
    configMap: {name: {{ include "docent.name" . }}-files}
  {{- end }}
{{- end }}

{{- define "docent.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- with .Values.environmentSecrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
volumeMounts:
  - {name: secret, mountPath: /run/secrets/docent, readOnly: true}
  - {name: temporary, mountPath: /tmp}
  - {name: session-files, mountPath: /app/.files}
  - {name: storage, mountPath: /app/storage}
  {{- if .Values.originals.existingClaim }}
  - {name: originals, mountPath: /app/storage/originals}
  {{- end }}
  {{- range $name, $_ := .Values.configFiles }}
  - {name: files, mountPath: /app/{{ $name }}, subPath: {{ $name }}, readOnly: true}
  {{- end }}
{{- end }}
