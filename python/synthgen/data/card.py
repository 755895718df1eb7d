"""The card of a dataset (README.md), and metadata.json, from the manifest and the counts of the run.

    card(manifest, summary, repo="me/name")    text of README.md
    metadata(manifest, summary)                content of metadata.json
    histogram(summary)                         statistics.png

`manifest` is what manifest.json holds (plan, tools, shards). `summary` is what the end of a run has counted: rows and
tokens by split, cells, lengths, duplicates. Nothing else goes in, above all no clock: the same plan gives the same
bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..registry import get, tasks
from .figure import histogram
from .plan import LEVELS, SPLITS

__all__ = ["card", "histogram", "metadata", "skills"]

SKILLS: tuple[tuple[str, str], ...] = (
    ("dyna", "mutable_state non_commutative_composition mental_computation"),
    ("inducto", "pattern_recognition few_shot_learning function_inference"),
    ("filtro", "selective_attention noise_filtering stream_tracking"),
    ("logic", "non_linear_computation circuit_evaluation parity"),
    ("depo", "multi_hop_reasoning pointer_chasing reasoning_depth"),
    ("brevo", "graph_traversal topological_sorting reasoning_breadth"),
    ("mano", "knowledge_manipulation modular_arithmetic expression_evaluation"),
    ("capo", "knowledge_capacity memorization fact_storage"),
    ("lano", "hierarchical_structure context_free_grammar long_range_dependencies"),
    ("copying", "copying sequence_memory"),
    ("kv", "key_value_retrieval in_context_retrieval"),
    ("pattern", "induction_heads pattern_completion"),
    ("recall", "associative_recall multi_query_retrieval in_context_memory"),
    ("reversal", "reversal sequence_memory"),
    ("selective", "selective_copying content_based_filtering"),
    ("arithmetic", "addition few_shot_learning"),
    ("sequence", "arithmetic_progressions few_shot_learning"),
    ("analogy", "analogical_reasoning few_shot_learning"),
    ("facts", "fact_retrieval in_context_retrieval reading_comprehension"),
    ("trigger2d", "selective_generalization feature_interaction conditional_classification"),
)
"""Task, and its skills as tags."""

TAGS = ("synthetic", "language-model-evaluation", "architecture-comparison")
LOADABLE = ("parquet", "arrow", "jsonl")
"""Kinds of files that `datasets` reads, the preferred first."""
_NUMBER = re.compile(r"-\d+-of-\d+(?=\.)")
_SHOWN = 300
"""Characters of an example on the card."""

Manifest = Mapping[str, Any]
Summary = Mapping[str, Any]


def skills(task: str) -> tuple[str, ...]:
    """Skill tags of a task; none for a name that is not in the table."""
    return tuple(dict(SKILLS).get(task, "").split())


def metadata(manifest: Manifest, summary: Summary) -> dict[str, Any]:
    """Content of metadata.json: what was asked for, what came of it, and the certificate that no split leaks."""
    plan = manifest["plan"]
    return {
        "config": {
            "total_tokens": plan["total_tokens"],
            "difficulty_weights": list(plan["curriculum_weights"]),
            "split_ratios": list(plan["split_ratios"]),
            "seed": plan["seed"],
        },
        "splits": dict(summary["rows"]),
        "total_samples": sum(summary["rows"].values()),
        "tokens": dict(summary["tokens"]),
        "tasks": list(plan["tasks"]),
        "versions": {"tools": dict(manifest["tools"]), "tasks": {c["task"]: c["version"] for c in plan["cells"]}},
        "certificate": {
            "rows": sum(summary["rows"].values()),
            "tokens": sum(summary["tokens"].values()),
            "leaked": summary["leaked"],
            "duplicates": summary["duplicates"],
            "cells": list(summary["cells"]),
        },
    }


def card(manifest: Manifest, summary: Summary, *, repo: str | None = None) -> str:
    """Text of README.md; `repo` is the dataset's place on the Hub, where it has one."""
    plan = manifest["plan"]
    parts = [
        _front(manifest, summary),
        f"# {_title(plan)}",
        _opening(plan, summary),
        *_tasks(plan, summary),
        *_statistics(plan, summary),
        _certificate(summary),
        *_loading(manifest, repo or "DIR"),
        *_fields(plan),
        *_provenance(manifest),
        *_licence(manifest, repo),
    ]
    return "\n\n".join(parts) + "\n"


def data_files(manifest: Manifest) -> list[tuple[str, str]]:
    """Split and pattern of the files that `datasets` is to load: those of one format; empty for token streams alone."""
    kinds = {entry["kind"] for shard in manifest["shards"] for entry in shard["files"].values()}
    kind = next((kind for kind in LOADABLE if kind in kinds), None)
    found = {
        (shard["split"], _NUMBER.sub("-*", name))
        for shard in manifest["shards"]
        for name, entry in shard["files"].items()
        if entry["kind"] == kind and shard["rows"]
    }
    return sorted(found, key=lambda pair: SPLITS.index(pair[0]))


def _front(manifest: Manifest, summary: Summary) -> str:
    plan = manifest["plan"]
    tags = dict.fromkeys([*TAGS, *(tag for name in plan["tasks"] for tag in skills(name))])
    lines = ["---", "language:", "- en", "license: cc0-1.0", f"pretty_name: {json.dumps(_title(plan))}", "tags:"]
    lines += [f"- {tag}" for tag in tags]
    lines += ["task_categories:", "- text-generation", "size_categories:"]
    lines += [f"- {_size(sum(summary['rows'].values()))}"]
    if files := data_files(manifest):
        lines += ["configs:", "- config_name: default", "  data_files:"]
        lines += [line for split, path in files for line in (f"  - split: {split}", f"    path: {json.dumps(path)}")]
    return "\n".join([*lines, "---"])


def _size(rows: int) -> str:
    """The Hub's name for a number of rows."""
    edges = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    above = sum(rows >= 1000 * 10**power for power in range(len(edges)))
    if above == 0:
        return "n<1K"
    return "n>1T" if above == len(edges) else f"{edges[above - 1]}<n<{edges[above]}"


def _title(plan: Mapping[str, Any]) -> str:
    names = plan["tasks"]
    what = names[0] if len(names) == 1 else f"{len(names)} tasks"
    return f"synthgen: {what}, {_short(plan['total_tokens'])} tokens"


def _short(number: int) -> str:
    """A number as people write it: 10M, 1.5B, 3e16."""
    if number >= 10**12:
        power = len(str(number)) - 1
        return f"{number / 10**power:.3g}e{power}"
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _opening(plan: Mapping[str, Any], summary: Summary) -> str:
    what = "one synthetic task" if len(plan["tasks"]) == 1 else f"{len(plan['tasks'])} synthetic tasks"
    rows, tokens = sum(summary["rows"].values()), sum(summary["tokens"].values())
    return (
        f"{rows:,} rows ({tokens:,} tokens) of {what} for pre-training and comparing language models, made by program: "
        "every answer is exact, and every byte can be made again from the plan below."
    )


def _tasks(plan: Mapping[str, Any], summary: Summary) -> Iterable[str]:
    yield "## Tasks"
    for name in plan["tasks"]:
        known = tasks()[name]
        levels = [cell for cell in plan["cells"] if cell["task"] == name]
        table = [
            [cell["level"], " ".join(f"`{key}={value}`" for key, value in cell["params"].items()) or "the defaults"]
            for cell in levels
        ]
        yield f"### {name}"
        tags = f" Skills: {', '.join(skills(name))}." if skills(name) else ""
        yield f"{known.summary}{tags} Version {levels[0]['version']} of the task."
        yield _table(["level", "parameters set"], table)
        yield f"What decides a row's split: {known.split_key}."
        cell = next((c for c in summary["cells"] if c["task"] == name and c["rows"]), None)
        if cell:
            yield _example(cell, plan["seed"])


def _example(cell: Mapping[str, Any], seed: int) -> str:
    task, level, split = cell["task"], cell["level"], cell["split"]
    row = get(task).examples(1, seed, split=split, difficulty=level)[0]
    shown = [f"input_text: {_cut(row['input_text'])}", f"target:     {_cut(row['target'])}"]
    return "\n".join([f"The first row at level {level} ({split}):", "", "```text", *shown, "```"])


def _cut(text: str) -> str:
    line = json.dumps(text, ensure_ascii=False).replace("```", "` ` `")
    return line if len(line) <= _SHOWN else f'{line[: _SHOWN - 5]} ..."'


def _table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    shown = [
        [f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in line] for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _statistics(plan: Mapping[str, Any], summary: Summary) -> Iterable[str]:
    rows, tokens = summary["rows"], summary["tokens"]
    total = sum(tokens.values())
    yield "## Statistics"
    lines = [[split, rows[split], tokens[split], _share(tokens[split], total)] for split in SPLITS if split in rows]
    yield _table(
        ["split", "rows", "tokens", "share of tokens"],
        [*lines, ["all", sum(rows.values()), total, _share(total, total)]],
    )
    for key, values in (("task", plan["tasks"]), ("level", LEVELS)):
        sums = [(value, [cell for cell in summary["cells"] if cell[key] == value]) for value in values]
        counted = [(value, _sum(cells, "rows"), _sum(cells, "tokens")) for value, cells in sums]
        yield _table([key, "rows", "tokens", "share of tokens"], [[*line, _share(line[2], total)] for line in counted])
    yield (
        "Instances are told apart by their content, the facts that decide a row's split; the same instance may come in "
        "other words. A duplicate is a row that repeats an earlier one of its task, level and split token for token. "
        "How many instances there are at all is estimated from how often they meet by chance; where none met, a lower "
        "bound is given."
    )
    yield _table(
        ["task", "level", "rows", "tokens", "distinct instances", "duplicate rows", "instances there are"],
        [_cell_line(name, level, summary) for name in plan["tasks"] for level in LEVELS],
    )
    yield "![Lengths by level, tokens by task and level](statistics.png)"


def _cell_line(name: str, level: int, summary: Summary) -> list[Any]:
    cells = [cell for cell in summary["cells"] if (cell["task"], cell["level"]) == (name, level) and cell["rows"]]
    counts = [_sum(cells, key) for key in ("rows", "tokens", "instances", "duplicate_rows")]
    # Splits share no content, so what there is in each of them adds up.
    if not cells:
        space = "-"
    elif all(cell["space"] is not None for cell in cells):
        space = f"about {_short(round(_sum(cells, 'space')))}"
    else:
        space = f"at least {_short(round(sum(cell['space_at_least'] or 0 for cell in cells)))}"
    return [name, level, *counts, space]


def _sum(cells: Iterable[Mapping[str, Any]], key: str) -> int:
    return sum(cell[key] for cell in cells)


def _certificate(summary: Summary) -> str:
    within = ", ".join(f"{split} {count:,}" for split, count in summary["duplicates"]["within"].items())
    lines = [
        "## Leakage certificate",
        "",
        "The split of a row is decided by a hash of its content alone: no seed, level or wording moves an instance to "
        "another split. Counted over all rows of this dataset:",
        "",
        f"- rows whose content belongs to another split: **{summary['leaked']:,}**",
        f"- rows of one split found token for token in another: **{summary['duplicates']['across']:,}**",
        f"- rows found again within their own split: {within}",
        "",
        "The same counts, for every task, level and split, are in `metadata.json`.",
    ]
    return "\n".join(lines)


def _loading(manifest: Manifest, source: str) -> Iterable[str]:
    yield "## Loading"
    if files := data_files(manifest):
        splits = dict.fromkeys(split for split, _ in files)
        first = next(iter(splits))
        code = ["from datasets import load_dataset", "", f"dataset = load_dataset({json.dumps(source)})"]
        code += [f"{first} = load_dataset({json.dumps(source)}, split={json.dumps(first)})"]
        if _has_text(manifest):
            code += [
                f'hard = {first}.filter(lambda row: row["difficulty"] == 3)',
                f'task = {first}.filter(lambda row: row["task"] == {json.dumps(manifest["plan"]["tasks"][0])})',
            ]
        code += [f"stream = load_dataset({json.dumps(source)}, split={json.dumps(first)}, streaming=True)"]
        yield "\n".join(["```python", *code, "```"])
    for shard in manifest["shards"]:
        names = {entry["kind"]: name for name, entry in shard["files"].items() if name.startswith(("bin/", "npy/"))}
        if names:
            yield _streams(names, manifest["plan"].get("dtype") or "uint16")
            return


def _has_text(manifest: Manifest) -> bool:
    """Do the files that are loaded hold a row each? Packed windows have no columns but tokens."""
    return not manifest["plan"].get("seq_len") or data_files(manifest)[0][1].endswith(
        (".jsonl", ".jsonl.gz", ".jsonl.zst")
    )


def _streams(names: Mapping[str, str], dtype: str) -> str:
    if names["tokens"].endswith(".npy"):
        tokens = f'np.load("{names["tokens"]}", mmap_mode="r")'
        mask, rows = f'np.load("{names["mask"]}")', f'np.load("{names["rows"]}")'
    else:
        tokens = f'np.memmap("{names["tokens"]}", dtype="{dtype}", mode="r")'
        mask = f'np.fromfile("{names["mask"]}", dtype="uint8")'
        rows = f'np.fromfile("{names["rows"]}", dtype="int32").reshape(-1, 3)'
    return "\n".join(
        [
            "Token shards are flat little-endian streams to be mapped into memory, each with its loss mask (a bit per "
            "token) and an index of its rows:",
            "",
            "```python",
            "import numpy as np",
            "",
            f"tokens = {tokens}",
            f'mask = np.unpackbits({mask}, count=len(tokens), bitorder="little")',
            f"rows = {rows}  # start, length, cell",
            "```",
            "",
            "`cell` counts in `cells` of the plan in `manifest.json`; `vocab.json` holds the pieces of the ids.",
        ]
    )


def _fields(plan: Mapping[str, Any]) -> Iterable[str]:
    formats = set(plan["formats"])
    packed = plan.get("seq_len")
    text = [
        ["input_text", "string", "the prompt"],
        ["target", "string", "the answer"],
        ["task", "string", "name of the task"],
        ["difficulty", "int", "level 1, 2 or 3: which preset of parameters the row was drawn with"],
        ["split", "string", "train, validation or test"],
        ["sample_id", "string", "`{task}_{level}_{split}_{index}`"],
        ["metadata", "string", "facts of the instance, as JSON"],
    ]
    if plan.get("metadata") == "none":
        text.pop()
    ids = [
        ["input_ids", "list of ints", "ids of the row, answer included"],
        ["loss_mask", "list of 0, 1", "1 = learned"],
    ]
    windows = [
        ["segment_ids", "list of ints", "which row of the window a token belongs to"],
        ["position_ids", "list of ints", "place of a token within its row"],
    ]
    yield "## Fields"
    if "jsonl" in formats:
        yield "JSON lines:\n\n" + _table(["field", "type", "meaning"], text)
    if columns := " and ".join(name for name in ("parquet", "arrow") if name in formats):
        lead = f"Columns of {columns}" + (f", windows of {packed:,} tokens" if packed else "")
        yield f"{lead}:\n\n" + _table(["field", "type", "meaning"], [*ids, *windows] if packed else [*text, *ids])
    if columns := " and ".join(f"`{name}/`" for name in ("bin", "npy") if name in formats):
        yield f"{columns}: tokens ({plan.get('dtype') or 'uint16'}), loss masks, and rows of start, length and cell."


def command(plan: Mapping[str, Any], directory: str = "DIR") -> str:
    """The command line that gives the same dataset."""
    names = plan["tasks"]
    words = ["merged", "--tasks", ",".join(names)] if plan.get("joint", len(names) > 1) else ["single", names[0]]
    words += ["--total-tokens", str(plan["total_tokens"])]
    words += ["--curriculum-weights", *map(repr, plan["curriculum_weights"])]
    words += ["--split-ratios", *map(repr, plan["split_ratios"]), "--seed", str(plan["seed"])]
    words += ["--format", ",".join(plan["formats"])]
    words += ["--shard-size", str(plan["shard_tokens"])]
    for key in ("order", "metadata", "seq_len", "packing", "compress"):
        if plan[key] is not None:
            words += [f"--{key.replace('_', '-')}", str(plan[key])]
    if plan["tokenizer"]:
        # The directory holds the tokenizer that it was made with.
        words += ["--tokenizer", f"{directory}/tokenizer.json"]
    return " ".join(["synthgen generate", *words, "--output-dir", directory])


def _provenance(manifest: Manifest) -> Iterable[str]:
    plan = manifest["plan"]
    yield "## Provenance"
    yield _table(
        ["what", "value"],
        [
            *([tool, version] for tool, version in manifest["tools"].items()),
            ["seed", str(plan["seed"])],
            ["weights of levels 1, 2, 3 (shares of tokens)", ", ".join(map(repr, plan["curriculum_weights"]))],
            ["ratios of train, validation, test (shares of tokens)", ", ".join(map(repr, plan["split_ratios"]))],
            ["formats", ", ".join(plan["formats"])],
            ["shards", len(manifest["shards"])],
        ],
    )
    code = ["```sh", command(plan), "synthgen verify DIR", "synthgen rebuild DIR --shard 0", "```"]
    yield "\n".join(
        [
            "The first line makes the dataset again, byte for byte, with the version named above; the second checks "
            "every row, every split and every file against the plan; the third makes lost or damaged shards again.",
            "",
            *code,
        ]
    )


def _licence(manifest: Manifest, repo: str | None) -> Iterable[str]:
    version, plan = manifest["tools"]["synthgen"], manifest["plan"]
    entry = [
        f"@misc{{synthgen_{plan['tasks'][0] if len(plan['tasks']) == 1 else 'merged'}_{plan['seed']},",
        f"  title  = {{{_title(plan)}}},",
        "  author = {{The synthgen project}},",
        f"  note   = {{Made with synthgen {version}, seed {plan['seed']}}},",
        *([f"  url    = {{https://huggingface.co/datasets/{repo}}},"] if repo else []),
        "}",
    ]
    yield "## Licence and citation"
    yield "The data is dedicated to the public domain under CC0 1.0."
    yield "\n".join(["```bibtex", *entry, "```"])
