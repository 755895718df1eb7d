"""A plain-Python script that does what `synthgen generate single dyna` does: rows, splits by content, files and counts.

It draws no figure, and its card says next to nothing.

Usage: python -m benches.plain.dataset TOKENS DIRECTORY
"""

import hashlib
import json
import os
import random
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

LEVELS = {1: ((5, 7), (5, 10), 0.4), 2: ((8, 12), (10, 20), 0.35), 3: ((13, 20), (20, 50), 0.25)}
SPLITS = {"train": 0.9, "validation": 0.05, "test": 0.05}
QUERIES = 3
KINDS = ("SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE")


def sample(rng: random.Random, level: int) -> dict[str, Any]:
    """One instance: the state, the operations, where they lead, and what is asked."""
    (low, high), ops_range, _ = LEVELS[level]
    n = rng.randint(low, high)
    state = [chr(65 + i) for i in range(n)]
    rng.shuffle(state)
    it: dict[str, Any] = {"initial": list(state), "ops": [], "steps": [list(state)]}
    for _ in range(rng.randint(*ops_range)):
        kind = rng.choice(KINDS)
        if kind == "SWAP":
            i, j = rng.sample(range(n), 2)
            state[i], state[j] = state[j], state[i]
            op = [kind, [i, j]]
        elif kind == "REVERSE":
            i, j = sorted(rng.sample(range(n), 2))
            state[i : j + 1] = reversed(state[i : j + 1])
            op = [kind, [i, j]]
        else:
            k = rng.randint(1, n - 1)
            cut = k if kind == "ROTATE_LEFT" else n - k
            state = state[cut:] + state[:cut]
            op = [kind, [k]]
        it["ops"].append(op)
        it["steps"].append(list(state))
    it["queries"] = [(rng.choice(("position", "element")), place) for place in rng.sample(range(n), QUERIES)]
    return it


def split_of(it: dict[str, Any]) -> str:
    """The split of the facts: state and operations, a swap's places in either order."""
    facts = [it["initial"], [[op[0], sorted(op[1])] if op[0] == "SWAP" else op for op in it["ops"]]]
    value = int.from_bytes(hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).digest(), "big") / 2**64
    return "test" if value < 0.05 else "validation" if value < 0.1 else "train"


def row(it: dict[str, Any], level: int, split: str, index: int) -> tuple[dict[str, Any], int]:
    """The record of an instance, and its tokens in the pieces of the vocabulary."""
    ops = " | ".join(f"{kind}({','.join(map(str, places))})" for kind, places in it["ops"])
    final, n = it["steps"][-1], len(it["initial"])
    queries, answers = [], []
    for kind, place in it["queries"]:
        queries.append(f"position {place}" if kind == "position" else f"element {final[place]}")
        answers.append(final[place] if kind == "position" else str(place))
    moved = [depth(it["steps"], final[place]) for _, place in it["queries"]]
    metadata = {
        "initial_state": it["initial"],
        "final_state": final,
        "operations": it["ops"],
        "num_ops": len(it["ops"]),
        "state_size": n,
        "all_queries": queries,
        "all_answers": answers,
        "measured": {"effective_depth": moved, "moved_share": sum(moved) / len(moved) / len(it["ops"])},
    }
    record = {
        "input_text": f"STATE [{', '.join(it['initial'])}] || OPS {ops} || QUERY {queries[0]} ->",
        "target": answers[0],
        "task": "dyna",
        "difficulty": level,
        "split": split,
        "sample_id": f"dyna_{level}_{split}_{index}",
        "metadata": json.dumps(metadata, sort_keys=True),
    }
    tokens = 3 + 2 * n + sum(1 + len(places) for _, places in it["ops"]) + 4 * QUERIES + 1
    return record, tokens


def depth(steps: list[list[str]], element: str) -> int:
    """Operations that move an element."""
    return sum(a != b for a, b in pairwise(state.index(element) for state in steps))


def write(path: Path, content: bytes) -> None:
    """A file that is there whole or not at all, and on the disk."""
    made = path.with_suffix(".tmp")
    with made.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def main() -> None:
    """Write train, validation and test, their metadata and a card."""
    total, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(42)
    entries, rows, seen = [], {}, Counter[bytes]()
    for split, ratio in SPLITS.items():
        made = []
        for level, (_, _, weight) in LEVELS.items():
            tokens = index = 0
            while tokens < total * ratio * weight:
                it = sample(rng, level)
                if split_of(it) != split:
                    continue
                record, count = row(it, level, split, index)
                made.append(record)
                tokens, index = tokens + count, index + 1
        rng.shuffle(made)
        lines = "".join(json.dumps(record) + "\n" for record in made).encode()
        write(folder / f"{split}.jsonl", lines)
        seen.update(hashlib.blake2b(r["input_text"].encode(), digest_size=8).digest() for r in made)
        rows[split] = len(made)
        entries.append({"split": split, "rows": len(made), "sha256": hashlib.sha256(lines).hexdigest()})
    facts = {"rows": rows, "duplicates": sum(seen.values()) - len(seen), "files": entries}
    write(folder / "metadata.json", json.dumps(facts, indent=2).encode())
    (folder / "README.md").write_text(f"---\ntags: [synthetic]\n---\n\n{json.dumps(rows)}\n")


if __name__ == "__main__":
    main()
