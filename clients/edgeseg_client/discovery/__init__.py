"""Finds the daemons that announce themselves in this network, by mDNS and DNS-SD."""
