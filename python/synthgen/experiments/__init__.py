"""Experiments: what is trained, compared and concluded, all through `synthgen.train` and the registry of tasks."""
