"""Training: models, data, loop."""
