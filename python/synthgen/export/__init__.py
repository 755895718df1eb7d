"""Exports: any task and level in other harnesses, asked as `synthgen evaluate` asks and scored by the same scorer.

Each file is one harness. `common` and `lm_eval`, `trl` import none of them; `inspect` and `verifiers` import theirs.
"""
