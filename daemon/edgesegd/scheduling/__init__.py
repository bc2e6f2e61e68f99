"""Which frame is segmented next, and which never."""
