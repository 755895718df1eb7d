"""Exports to lm-evaluation-harness: a task for each of our tasks and levels, with our rows and our scorer.

Imports nothing of the harness, but for what the exported folder calls inside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checks import extra, integer
from ..errors import param_error
from ..evaluate.judging import judge
from ..evaluate.prompts import SYSTEM, messages, text
from ..evaluate.questions import Questions
from .common import OUTCOMES, checked, json_lines, row, told, write_folder

KIND = "lm-eval"
PREFIX = "synthgen"
LONGEST = {False: 4096, True: 512}
"""Tokens of an answer: of a chat, and of a text's continuation."""
METRICS = ("acc", *OUTCOMES[1:])
SCORER = '''"""What the tasks of this folder call: rows from the files beside this one, and synthgen's scorer."""

from pathlib import Path

from synthgen.export.lm_eval import continued, load, replied, shots

__all__ = ["Shots", "continued", "replied", "rows"]
Shots = shots()


def rows(file, **_):
    return load(Path(__file__).parent / file)
'''


def replied(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score the reply to a chat, as `process_results` of a task."""
    return _scored(doc, results, False)


def continued(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score the continuation of a text, as `process_results` of a task."""
    return _scored(doc, results, True)


def _scored(doc: Mapping[str, Any], results: Sequence[str], continuation: bool) -> dict[str, float]:
    found = judge(doc["task"], results[0], doc["input_text"], doc["target"], continuation=continuation)
    return dict(zip(METRICS, (float(found.outcome == name) for name in OUTCOMES), strict=True))


def load(path: Path) -> dict[str, Any]:
    """The rows of a file as the harness takes them."""
    with path.open(encoding="utf-8") as file:
        return {"test": extra("datasets", "data").Dataset.from_list([json.loads(line) for line in file])}


def shots() -> Any:
    """The sampler of few-shot examples: a row's own ones, which are rows of the train split."""
    samplers = extra("lm_eval.api.samplers", "heavy")

    class Shots(samplers.ContextSampler):  # type: ignore[misc, name-defined]
        def sample(self, n: int, eval_doc: Any = None, df: Any = None, **_: Any) -> Any:
            found = eval_doc["shots"] if eval_doc else []
            if n > len(found):
                hint = f"the tasks were exported with {len(found)} for each question; export them with more --shots"
                raise param_error(None, "num_fewshot", n, hint)
            return found[:n]

    return Shots


def rows(questions: Questions, task: str, level: int, style: str, completions: bool) -> Iterator[dict[str, Any]]:
    """The rows of a task at a level; of a chat, each turn is a `prompt` and an `answer`."""
    params = questions.asked(task)
    for question in questions.of(task, level):
        found = {**row(question), "metadata": json.dumps(question.metadata, sort_keys=True)}
        if completions:
            yield {**found, "prompt": text(question, style, params), "answer": question.target, "shots": []}
            continue
        said = [turn["content"] for turn in messages(question, style, params)][1:]
        earlier = [{"prompt": said[at], "answer": said[at + 1]} for at in range(0, len(said) - 1, 2)]
        yield {**found, "prompt": said[-1], "answer": f"ANSWER: {question.target}", "shots": earlier}


def task_file(questions: Questions, task: str, level: int, completions: bool, max_tokens: int) -> str:
    """The YAML of a task at a level."""
    name = f"{PREFIX}_{task}_{level}"
    lines = {
        "task": name,
        "custom_dataset": "!function scorer.rows",
        "dataset_kwargs": {"file": f"{name}.jsonl"},
        "test_split": "test",
        "output_type": "generate_until",
        "description": "" if completions else SYSTEM,
        "doc_to_text": "prompt",
        "doc_to_target": "answer",
        "target_delimiter": "",
        "num_fewshot": 0 if completions else questions.shots,
        "process_results": f"!function scorer.{'continued' if completions else 'replied'}",
        "generation_kwargs": {
            # Between shots there is an empty line. Without them nothing says so, and vocabularies of tasks have none.
            "until": ["\n\n"] if completions and questions.shots else [],
            "do_sample": False,
            "temperature": 0.0,
            "max_gen_toks": max_tokens,
        },
        "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": name == "acc"} for name in METRICS],
        "metadata": {"version": told(questions, "")["task_versions"][task]},
    }
    shown = _yaml(lines)
    return shown + "fewshot_config:\n  sampler: !function scorer.Shots\n  split: test\n"


def group_file(name: str, members: Sequence[str]) -> str:
    """The YAML of a group: shares over all rows."""
    metrics = [{"metric": metric, "aggregation": "mean", "weight_by_size": True} for metric in METRICS]
    return _yaml({"group": name, "task": list(members), "aggregate_metric_list": metrics, "metadata": {"version": 1}})


def _yaml(lines: Mapping[str, Any]) -> str:
    """Values as JSON, which is YAML, but for references to functions."""
    shown = {
        name: value if isinstance(value, str) and value.startswith("!function") else json.dumps(value)
        for name, value in lines.items()
    }
    return "".join(f"{name}: {value}\n" for name, value in shown.items())


def export(
    directory: str | Path,
    questions: Questions,
    style: str = "described",
    *,
    completions: bool = False,
    max_tokens: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a folder for `--include_path`: tasks `synthgen_<task>_<level>`, groups `synthgen_<task>` and `synthgen`.

    Raises ParamError, UnknownTaskError or SplitExhausted for what cannot be asked or written.
    """
    checked(questions, style)
    longest = LONGEST[completions] if max_tokens is None else integer(None, "max_tokens", max_tokens, 1, 2**31 - 1)
    files: dict[str, Any] = {"scorer.py": [SCORER.encode()]}
    for task in questions.tasks:
        names = []
        for level in questions.difficulties:
            name = f"{PREFIX}_{task}_{level}"
            names.append(name)
            files[f"{name}.yaml"] = [task_file(questions, task, level, completions, longest).encode()]
            files[f"{name}.jsonl"] = json_lines(rows(questions, task, level, style, completions))
        files[f"{PREFIX}_{task}.yaml"] = [group_file(f"{PREFIX}_{task}", names).encode()]
    groups = [f"{PREFIX}_{task}" for task in questions.tasks]
    files[f"{PREFIX}.yaml"] = [group_file(PREFIX, groups).encode()]
    settings = told(questions, style, completions=completions, max_tokens=longest)
    return write_folder(directory, KIND, files, settings, overwrite)
