"""Which samples a page shows, and all that it shows of each: the prompt as it was sent, and every answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import SynthgenError
from . import prompts
from .questions import Question, Questions
from .store import OUTCOMES, rows

LONGEST = 20_000
"""Characters of one text that are shown: beginning and end are kept."""
ROOM = 40_000_000
"""Characters of all samples of a page: browsers read as much in a second or two."""


@dataclass
class _Seen:
    """What is known of a sample before it is chosen."""

    task: str
    level: int
    size: int = 0
    outcomes: dict[int, set[str]] = field(default_factory=dict)  # by run


@dataclass(frozen=True)
class Samples:
    """The samples of a page, ready to be embedded."""

    texts: list[str]  # beginnings that many prompts share
    samples: list[dict[str, Any]]
    total: int  # questions of all runs
    notes: list[str]  # why a prompt could not be made again


def chosen(directories: Sequence[Path], limit: int, order: Sequence[str]) -> tuple[list[str], int]:
    """The samples that are shown, in the order of the list, and how many there are.

    They are taken in turn from each task, level and outcome (of several runs: outcomes), so that every kind is there
    and rare ones are whole.
    """
    seen: dict[str, _Seen] = {}
    for run, directory in enumerate(directories):
        for row in rows(directory):
            one = seen.setdefault(row["sample_id"], _Seen(row["task"], row["difficulty"]))
            one.outcomes.setdefault(run, set()).add(row["outcome"])
            texts = (row["raw_response"], row.get("reasoning"), row["input_text"], row.get("error"))
            one.size += 1000 + sum(min(len(text), LONGEST) for text in texts if text)
    rank = {task: at for at, task in enumerate(order)}

    def place(sample_id: str) -> tuple[Any, ...]:
        one = seen[sample_id]
        return rank.get(one.task, len(rank)), one.task, one.level, len(sample_id), sample_id

    kinds: dict[tuple[Any, ...], list[str]] = {}
    for sample_id in sorted(seen, key=place):
        one = seen[sample_id]
        told = tuple(
            tuple(outcome in one.outcomes.get(run, ()) for outcome in OUTCOMES) for run in range(len(directories))
        )
        kinds.setdefault((*place(sample_id)[:3], told), []).append(sample_id)
    found: list[str] = []
    room, depth = ROOM, 0
    while kinds and len(found) < limit and room > 0:
        for kind, members in list(kinds.items()):
            if depth >= len(members):
                del kinds[kind]
            elif len(found) < limit and (room := room - seen[members[depth]].size) > 0:
                found.append(members[depth])
        depth += 1
    return sorted(found, key=place), len(seen)


def gather(directories: Sequence[Path], configs: Sequence[Mapping[str, Any]], limit: int) -> Samples:
    """Everything that a page shows of the samples of its runs."""
    order = list(dict.fromkeys(task for config in configs for task in config["tasks"]))
    ids, total = chosen(directories, limit, order)
    texts: list[str] = []
    places: dict[str, int] = {}

    def shared(text: str) -> int:
        if text not in places:
            places[text] = len(texts)
            texts.append(text)
        return places[text]

    found: dict[str, dict[str, Any]] = {one: {"id": one, "runs": [None] * len(directories)} for one in ids}
    notes: list[str] = []
    for run, (directory, config) in enumerate(zip(directories, configs, strict=True)):
        rebuilt = Prompts(config, shared)
        for row in rows(directory):
            sample = found.get(row["sample_id"])
            if sample is None:
                continue
            if "task" not in sample:
                metadata = json.dumps(row.get("metadata", {}), indent=1, ensure_ascii=False)
                sample |= {
                    "task": row["task"],
                    "level": row["difficulty"],
                    "input": clipped(row["input_text"]),
                    "target": clipped(row["target"]),
                    "metadata": clipped(metadata),
                }
            if sample["runs"][run] is None:
                sample["runs"][run] = {"prompt": rebuilt.of(row), "answers": []}
            sample["runs"][run]["answers"].append(_answer(row))
        for sample in found.values():
            if sample["runs"][run]:
                sample["runs"][run]["answers"].sort(key=lambda one: one["repeat"])
        if rebuilt.failed:
            notes.append(f"{directory.name}: {rebuilt.failed} Their prompts are shown as the bare questions.")
    return Samples(texts, list(found.values()), total, notes)


def _answer(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "repeat": row.get("repeat", 0),
        "outcome": row["outcome"],
        "response": clipped(row["raw_response"]),
        "reasoning": clipped(row.get("reasoning")),
        "extracted": clipped(row.get("extracted_answer")),
        "error": clipped(row.get("error")),
        "finish": row.get("finish_reason"),
        "latency": row.get("latency_ms"),
        "prompt_tokens": row.get("prompt_tokens"),
        "completion_tokens": row.get("completion_tokens"),
        "attempts": row.get("attempts"),
        "time": row.get("timestamp"),
    }


def clipped(text: str | None) -> str | None:
    """A text without its middle, where it is very long."""
    if text is None or len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    left = len(text) - 2 * half
    return f"{text[:half]}\n\n[... {left:,} characters are left out here; results.jsonl has them ...]\n\n{text[-half:]}"


class Prompts:
    """Makes the prompts of a run again, from its settings and rows."""

    def __init__(self, config: Mapping[str, Any], shared: Callable[[str], int]) -> None:
        self._config = config
        self._shared = shared
        self._questions = Questions.of_config(config)
        self.failed = ""

    def of(self, row: Mapping[str, Any]) -> list[tuple[str, int, str]]:
        """The messages that were sent for a row: role, the number of a shared beginning or -1, and the rest."""
        question = Question(
            row["sample_id"], row["task"], row["difficulty"], row["input_text"], row["target"], row["metadata"]
        )
        style, chat = self._config.get("prompt", "plain"), self._config.get("mode", "chat") == "chat"
        params = self._questions.asked(row["task"])
        try:
            if self._questions.shots:
                question = self._drawn(row)
            if not chat:
                return [self._split("text", prompts.text(question, style, params), question, style, params)]
            return [
                self._split(one["role"], one["content"], question, style, params)
                for one in prompts.messages(question, style, params)
            ]
        except (SynthgenError, LookupError) as error:
            self.failed = self.failed or f"The questions cannot be drawn again here ({error})."
            return [("user" if chat else "text", -1, str(clipped(row["input_text"])))]

    def _drawn(self, row: Mapping[str, Any]) -> Question:
        """The row's question with its shots."""
        number = int(row["sample_id"].rsplit("_", 1)[1]) if row["sample_id"].rsplit("_", 1)[-1].isdigit() else 0
        drawn = next(replace(self._questions, samples=number + 1).of(row["task"], row["difficulty"], number))
        if drawn.input_text != row["input_text"]:
            raise LookupError("this release draws other rows of these tasks")
        return drawn

    def _split(
        self, role: str, content: str, question: Question, style: str, params: Mapping[str, Any]
    ) -> tuple[str, int, str]:
        if role == "system":
            return role, self._shared(content), ""
        told = prompts.described(question.task, question.difficulty, params) if style == "described" else ""
        if told and content.startswith(told):
            return role, self._shared(told), str(clipped(content.removeprefix(told)))
        return role, -1, str(clipped(content))
