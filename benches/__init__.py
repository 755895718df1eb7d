"""Benchmarks of synthgen."""
