"""Experiments: trained models, compared with what chance and layout alone would give."""
