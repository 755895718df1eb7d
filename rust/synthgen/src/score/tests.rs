//! What counts as an answer, on tasks small enough to check by eye.
