"""What the world sees of the daemon: gRPC, health, metrics, systemd."""
