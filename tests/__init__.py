"""The Python tests of synthgen."""
