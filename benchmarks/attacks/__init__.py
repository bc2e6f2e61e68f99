"""What a hostile client of our own daemon does, on the loopback interface only; see attack.py."""
