"""Evaluation: questions of any task put to any model, scored, kept, compared and reported."""
