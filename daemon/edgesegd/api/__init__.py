"""What clients reach: addresses, calls and their limits."""
