"""Plain-Python generators of the same rows, one module per task: what a researcher would write by hand.

They are the yardstick of the benchmarks and an independent second source for the tests of distribution.
"""
