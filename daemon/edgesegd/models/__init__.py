"""What a model is, as its file and what stands beside it say."""
