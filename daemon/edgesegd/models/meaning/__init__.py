"""What the values of a tensor mean, proven from the graph that computes them."""
