"""Who may use the daemon: tokens, certificates, and addresses that others can reach."""
