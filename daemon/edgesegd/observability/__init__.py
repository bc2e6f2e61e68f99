"""Metrics, health, logs and notifications to systemd."""
