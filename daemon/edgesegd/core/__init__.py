"""What a frame and a model are: no transport, no event loop, no metrics."""
