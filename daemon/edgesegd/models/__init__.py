"""Models: their facts, from the model file, its sidecar and presets."""
