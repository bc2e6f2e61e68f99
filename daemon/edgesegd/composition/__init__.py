"""The parts of the daemon, built from its options and handed to each other."""
