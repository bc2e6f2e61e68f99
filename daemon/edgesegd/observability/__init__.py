"""What is told to whoever watches: metrics, health, logs."""
