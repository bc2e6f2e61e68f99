"""Traces of calls and frames, by OpenTelemetry; imported only if traces are configured."""
