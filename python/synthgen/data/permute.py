"""A keyed bijection of [0, n): the shuffle of any number of rows, one position at a time, without a table.

Sources: the generalised Feistel cipher and cycle walking of J. Black and P. Rogaway, "Ciphers with Arbitrary Finite
Domains" (CT-RSA 2002); the mixing function is the finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast
Splittable Pseudorandom Number Generators", OOPSLA 2014), with the constants of D. Stafford's variant 13.

All functions take plain integers, or uint64 arrays of one shape; the values are the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

ROUNDS = 10
"""Four suffice in theory where the round function is random and n is large; small n needs more to look uniform."""
SMALLEST = 8
"""Digits of fewer values reach the permutations of a few rows unevenly."""
_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15

Number = Any
"""An int, or an array of uint64."""


def mix(value: Number) -> Number:
    """Scramble 64 bits."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def key(*parts: Number) -> Number:
    """Key of a permutation from a seed and whatever else tells it from others, such as the epoch."""
    made: Number = len(parts)
    for part in parts:
        made = mix(((mix(made) ^ part) + _GOLDEN) & _MASK)
    return made


def permute(i: Number, n: int, chosen: Number) -> Number:
    """Image of i in [0, n), n <= 2^63, under the permutation of the key `chosen`."""
    side = max(SMALLEST, math.isqrt(n - 1) + 1)
    other = max(SMALLEST, -(-n // side))
    found = _feistel(i, side, other, chosen)
    # What comes to lie beyond n walks on along its cycle until it is back inside; above 64 rows it hardly ever happens.
    if isinstance(found, np.ndarray):
        while (out := found >= n).any():
            keys = chosen[out] if isinstance(chosen, np.ndarray) else chosen
            found[out] = _feistel(found[out], side, other, keys)
        return found
    while found >= n:
        found = _feistel(found, side, other, chosen)
    return found


def _feistel(i: Number, side: int, other: int, chosen: Number) -> Number:
    """One permutation of [0, side * other): the two digits of i are shifted in turn by a hash of each other."""
    high, low = i // side, i % side
    for number in range(0, ROUNDS, 2):
        low = (low + _hash(high, chosen, number) % side) % side
        high = (high + _hash(low, chosen, number + 1) % other) % other
    return high * side + low


def _hash(value: Number, chosen: Number, number: int) -> Number:
    return mix(((chosen + (number + 1) * _GOLDEN % 2**64) & _MASK) ^ value)
