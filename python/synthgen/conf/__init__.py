"""Hydra groups: what a run is made of, in the package so that an installed wheel finds them."""
