"""Experiments: whole studies, from rows to tables and figures."""
