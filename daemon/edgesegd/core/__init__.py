"""Frames, options, results and errors, without transport, event loop or metrics."""
