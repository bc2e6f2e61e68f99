"""Announces the daemon to its network, by mDNS and DNS-SD."""
