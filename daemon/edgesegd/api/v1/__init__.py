"""The protocol edgeseg.v1: converters over the data plane."""
