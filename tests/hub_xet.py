"""The part of the stand-in Hub that takes uploads in pieces (xet), as the client sends them unless told otherwise.

The client cuts files into chunks, sends many chunks together (a xorb), and last a list (a shard) of the chunks that
make up each file. `Pieces` takes both and puts the files together; it knows as much of their forms as that needs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

_ENTRY = 48
_VERIFIED, _EXTENDED = 1 << 31, 1 << 30
"""Flags of a file in a shard: an entry more for each of its segments; one entry more."""
_END = b"\xff" * 32


class Pieces:
    """Xorbs by their hash, as lists of chunks."""

    def __init__(self) -> None:
        self.xorbs: dict[str, list[bytes]] = {}

    def take(self, name: str, body: bytes) -> None:
        """Take a xorb."""
        self.xorbs[name] = list(chunks(body))

    def files(self, shard: bytes) -> Iterator[bytes]:
        """Files that a shard lists, put together from the xorbs. Raises KeyError for a xorb that has not arrived."""
        at = _ENTRY
        while shard[at : at + 32] != _END:
            flags, count = struct.unpack_from("<II", shard, at + 32)
            at += _ENTRY
            parts = [segment(shard, at + _ENTRY * i) for i in range(count)]
            yield b"".join(chunk for name, begin, end in parts for chunk in self.xorbs[name][begin:end])
            at += _ENTRY * (count * (2 if flags & _VERIFIED else 1) + (1 if flags & _EXTENDED else 0))


def segment(shard: bytes, at: int) -> tuple[str, int, int]:
    """A run of chunks: its xorb, the first chunk and the one behind the last."""
    words = struct.unpack_from("<4Q", shard, at)
    begin, end = struct.unpack_from("<II", shard, at + 40)
    return "".join(f"{word:016x}" for word in words), begin, end


def chunks(xorb: bytes) -> Iterator[bytes]:
    """Chunks of a xorb, unpacked: each has a head of version, packed size, scheme and size."""
    at = 0
    while at < len(xorb) and xorb[at] == 0:
        packed, scheme = int.from_bytes(xorb[at + 1 : at + 4], "little"), xorb[at + 4]
        size = int.from_bytes(xorb[at + 5 : at + 8], "little")
        yield unpack(scheme, xorb[at + 8 : at + 8 + packed], size)
        at += 8 + packed


def unpack(scheme: int, data: bytes, size: int) -> bytes:
    """Undo a scheme: 0 plain, 1 LZ4, 2 LZ4 of the bytes sorted by their place in words of four."""
    import pyarrow as pa

    if scheme == 0:
        return data
    plain: bytes = pa.Codec("lz4").decompress(data, size, asbytes=True)
    if scheme == 1:
        return plain
    found = np.empty(size, np.uint8)
    at = 0
    for place in range(4):
        part = found[place::4]
        part[:] = np.frombuffer(plain, np.uint8, len(part), at)
        at += len(part)
    return found.tobytes()
