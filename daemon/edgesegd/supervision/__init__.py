"""Engine processes as the front sees them."""
