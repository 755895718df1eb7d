"""Slow, readable second opinions: one module per task, sharing nothing with the library they judge.

Each module has ``check`` (is this row valid, and if not why), ``solve`` (the answer to a prompt, from its
text alone) and ``canonical`` (the exact facts by which rows are split into train, validation and test).
"""
