"""The vocabulary tables, written out by hand from their definition: the text of every id, in id order."""

SPECIALS = ["<pad>", "<bos>", "<eos>"]
OPERATIONS = ["SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE"]


def element_name(i: int) -> str:
    """A..Z, then A0..A25, then B0.."""
    if i < 26:
        return chr(ord("A") + i)
    return chr(ord("A") + i // 26 - 1) + str(i % 26)


def dyna_pieces() -> tuple[str, ...]:
    """467 pieces: specials, fixed text, operations (first and later), then seven families of 64."""
    table = [*SPECIALS, "STATE [", ", ", "] || OPS "]
    table += [" || QUERY position ", " || QUERY element ", " | QUERY position ", " | QUERY element ", " ->"]
    table += OPERATIONS
    table += [" | " + name for name in OPERATIONS]
    table += [f"({i}," for i in range(64)]
    table += [f"{i})" for i in range(64)]
    table += [f"({i})" for i in range(64)]
    table += [f"{i}" for i in range(64)]
    table += [f" {i}" for i in range(64)]
    table += [element_name(i) for i in range(64)]
    table += [" " + element_name(i) for i in range(64)]
    return tuple(table)


def depo_pieces() -> tuple[str, ...]:
    """389 pieces: specials, marker, separator, 128 queries, 128 non-final and 128 final name tokens."""
    table = [*SPECIALS, "->", "; "]
    table += [f"| QUERY hops={k} " for k in range(1, 129)]
    table += [f"{v}." for v in range(1, 129)]
    table += [f"{v} " for v in range(1, 129)]
    return tuple(table)


PIECES = {"dyna": dyna_pieces(), "depo": depo_pieces()}
