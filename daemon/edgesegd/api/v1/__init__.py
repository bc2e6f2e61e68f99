"""edgeseg.v1."""
