"""OpenTelemetry traces, if OTEL_EXPORTER_OTLP_ENDPOINT names a collector; else nothing of this is imported.

HTTP requests, database statements, Redis commands and background tasks by OpenTelemetry's own instrumentations; calls of
charge points and commands to them by ours. Everything passes `cleaning` on its way out.
"""
