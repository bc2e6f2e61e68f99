"""Published models, pulling them, and the folders in which models are stored."""
