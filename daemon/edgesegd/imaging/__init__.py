"""Converts a frame's bytes to the input tensor, and the output tensor to masks; engine only."""
