"""A plain-Python script that writes the dataset of `synthgen generate single dyna`: the same rows by law, files and facts.

Usage: python -m benches.plain.dataset TOKENS DIRECTORY
"""

import hashlib
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

LEVELS = {1: ((5, 7), (5, 10), 0.4), 2: ((8, 12), (10, 20), 0.35), 3: ((13, 20), (20, 50), 0.25)}
SPLITS = {"train": 0.9, "validation": 0.05, "test": 0.05}
KINDS = ("SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE")


def sample(rng: random.Random, level: int) -> dict[str, Any]:
    """One instance: the state, the operations, their trace, and a question."""
    (low, high), ops_range, _ = LEVELS[level]
    n = rng.randint(low, high)
    state = [chr(65 + i) for i in range(n)]
    rng.shuffle(state)
    initial, ops, steps = list(state), [], []
    for _ in range(rng.randint(*ops_range)):
        kind = rng.choice(KINDS)
        if kind == "SWAP":
            i, j = rng.sample(range(n), 2)
            state[i], state[j] = state[j], state[i]
            op = [kind, i, j]
        elif kind == "REVERSE":
            i, j = sorted(rng.sample(range(n), 2))
            state[i : j + 1] = reversed(state[i : j + 1])
            op = [kind, i, j]
        else:
            k = rng.randint(1, n - 1)
            cut = k if kind == "ROTATE_LEFT" else n - k
            state = state[cut:] + state[:cut]
            op = [kind, k]
        ops.append(op)
        steps.append(list(state))
    asked = rng.choice(("position", "element"))
    place = rng.randrange(n)
    return {"initial": initial, "ops": ops, "steps": steps, "final": state, "asked": asked, "place": place}


def split_of(it: dict[str, Any]) -> str:
    """The split of the facts: state and operations, a swap's places in either order."""
    facts = [it["initial"], [[op[0], *sorted(op[1:])] if op[0] == "SWAP" else op for op in it["ops"]]]
    value = int.from_bytes(hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).digest(), "big") / 2**64
    return "test" if value < 0.05 else "validation" if value < 0.1 else "train"


def row(it: dict[str, Any], level: int, split: str, index: int) -> tuple[dict[str, Any], int]:
    """The record of an instance, and its tokens in the pieces of the vocabulary."""
    ops = " | ".join(f"{op[0]}({','.join(map(str, op[1:]))})" for op in it["ops"])
    element, place = it["final"][it["place"]], it["place"]
    query, target = (f"position {place}", element) if it["asked"] == "position" else (f"element {element}", str(place))
    metadata = {
        "initial_state": it["initial"],
        "final_state": it["final"],
        "operations": it["ops"],
        "intermediate_states": it["steps"],
        "num_ops": len(it["ops"]),
        "state_size": len(it["initial"]),
        "query_type": it["asked"],
        "measured": {"effective_depth": depth(it)},
    }
    record = {
        "input_text": f"STATE [{', '.join(it['initial'])}] || OPS {ops} || QUERY {query} ->",
        "target": target,
        "task": "dyna",
        "difficulty": level,
        "split": split,
        "sample_id": f"dyna_{level}_{split}_{index}",
        "metadata": json.dumps(metadata, sort_keys=True),
    }
    tokens = 3 + 2 * len(it["initial"]) + sum(len(op) for op in it["ops"]) + 5
    return record, tokens


def depth(it: dict[str, Any]) -> int:
    """Operations that move the element that is asked about."""
    element = it["final"][it["place"]]
    places = [state.index(element) for state in (it["initial"], *it["steps"])]
    return sum(a != b for a, b in zip(places, places[1:], strict=False))


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
        (folder / f"{split}.jsonl").write_bytes(lines)
        seen.update(hashlib.blake2b(r["input_text"].encode(), digest_size=8).digest() for r in made)
        rows[split] = len(made)
        entries.append({"split": split, "rows": len(made), "sha256": hashlib.sha256(lines).hexdigest()})
    facts = {"rows": rows, "duplicates": sum(seen.values()) - len(seen), "files": entries}
    (folder / "metadata.json").write_text(json.dumps(facts, indent=2))
    (folder / "README.md").write_text(f"---\ntags: [synthetic]\n---\n\n{json.dumps(rows)}\n")


if __name__ == "__main__":
    main()
