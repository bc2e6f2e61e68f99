"""What clients connect to: addresses, calls and their limits."""
