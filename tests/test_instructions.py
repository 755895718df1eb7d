"""Instructions say what their prompts hold: every word of them, every parameter that changes their meaning."""

import json
import re
from typing import Any

import pytest
import synthgen
from synthgen import _native

from tests.dataset_files import Cli

REGISTRY = {entry["name"]: entry for entry in json.loads(_native.registry_json())}
TASKS = sorted(REGISTRY)
ROWS = 200
LONGEST = {"lano": 20_000, "inducto": 290, "trigger2d": 320}
"""Words, where rules or words are listed; elsewhere 200."""

EXTRA: dict[str, list[dict[str, Any]]] = {
    "analogy": [{"variant": "in_context"}, {"num_examples": 1}],
    "brevo": [{"multi": True, "n_max": 30}, {"query": "last_quarter"}],
    "capo": [{"form": "qa"}, {"reverse": "6"}, {"reverse": "2"}, {"reverse_md": True}],
    "depo": [{"fixed_k": 4}, {"separator": True}, {"mini_vocab": 4, "min_word_len": 5, "max_word_len": 7, "n_max": 75}],
    "dyna": [{"symbolic_names": False}, {"query_kind": "position"}, {"query_kind": "element"}],
    "filtro": [{"shared_vocab": True}, {"query_stream": "a"}, {"query_stream": "b"}],
    "inducto": [{"family": "with_composites", "complexity": (3,)}, {"complexity": (2,)}],
    "logic": [{"mode": "parity"}, {"xor_percent": 0}, {"xor_percent": 100}, {"distractors": 5}],
    "mano": [{"operators": "asmd"}, {"operators": "d"}, {"knowledge_augment": False}, {"modulus": 9}],
    "recall": [{"gap": (1, 3)}, {"num_symbols": 20}],
    "selective": [{"num_classes": 16}, {"num_symbols": 40}],
    "trigger2d": [
        {"labels": "per_category"},
        {"label_rule": "proxy_flip", "triggers": "unseen"},
        {"label_rule": "proxy_flip", "proxy_triggers": "lamp,otter", "triggers": "all"},
        {"custom_labels": "yellow,purple,black,white"},
        *({"templates": f"2d_{name}"} for name in ("terse", "verbose", "chat")),
    ],
}
"""Parameters that change what a prompt holds, what is asked, or what is right."""


def cases(task: str) -> list[dict[str, Any]]:
    """Defaults, levels, the smallest and the largest parameters, and those that change the meaning."""
    levels = [{"difficulty": level} for level in (1, 2, 3)]
    return [{}, *levels, *REGISTRY[task]["extremes"], *EXTRA.get(task, [])]


def examples(task: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows as text; fewer of those that are long."""
    module = getattr(synthgen, task)
    size = len(module.example(0, 1, **given)["input_text"])
    return list(module.examples(ROWS if size < 5_000 else 10, 1, **given))


def text(task: str, **given: Any) -> str:
    return str(getattr(synthgen, task).instructions(**given))


@pytest.mark.parametrize("task", TASKS)
def test_they_are_whole_sentences_of_a_few_dozen_words(task: str) -> None:
    for given in cases(task):
        told = text(task, **given)
        assert told == told.strip()
        assert told.endswith(".")
        assert "  " not in told
        assert told[0].isupper()
        assert "ANSWER" not in told
        assert "he answer is" in told
        words = len(told.split())
        assert 60 <= words <= LONGEST.get(task, 200), (given, words)
        assert told.isascii() or set(re.sub(r"[⟨⟩]", "", told)) <= set(map(chr, range(32, 127)))
        assert text(task, **given) == told


def words_of(example: dict[str, Any]) -> set[str]:
    """Words in capitals, marks and colours of a prompt and its answer."""
    prompt = re.sub(r"^System: .*\nUser: ", "", example["input_text"])
    return set(re.findall(r"\b[A-Z_]{2,}\b|⟨[a-z]+⟩", prompt))


UNNAMED = {"capo", "facts", "analogy", "trigger2d", "lano"}
"""Prompts of natural words, or empty."""
SYMBOLS = {"copying", "kv", "pattern", "recall", "reversal", "selective"}


@pytest.mark.parametrize("task", [task for task in TASKS if task not in UNNAMED])
def test_every_word_and_mark_of_the_prompts_is_told(task: str) -> None:
    for given in cases(task):
        told = text(task, **given)
        for example in examples(task, given):
            marks = {mark for mark in words_of(example) if task not in SYMBOLS or mark.startswith("⟨")}
            assert all(mark in told for mark in marks), (given, example["input_text"])


def test_operations_are_told_only_if_they_occur() -> None:
    for given in cases("logic"):
        kinds = set(re.findall(r"\b(AND|OR|XOR|NAND|NOR|NOT)\b", text("logic", **given)))
        seen = {gate for row in examples("logic", given) for _, gate, _ in row["metadata"]["gates"]}
        assert seen <= kinds
        assert ("XOR" in kinds) == (given.get("xor_percent") != 0)
        assert (kinds == {"XOR"}) == (given.get("mode") == "parity" or given.get("xor_percent") == 100)
    for given in cases("mano"):
        told = text("mano", **given)
        spelled = set(re.findall(r"`(\S+)`(?= (?:or|adds|subtracts|multiplies|divides))", told))
        seen = {word for row in examples("mano", given) for word in row["input_text"].split("|")[1].split()}
        seen = {word for word in seen if not word.isdigit()}
        assert seen <= spelled
        if len(examples("mano", given)) == ROWS:
            assert seen == spelled, given


def test_operations_of_dyna_are_all_told() -> None:
    for given in cases("dyna"):
        told = text("dyna", **given)
        assert all(f"{name}(" in told for name in ("SWAP", "REVERSE", "ROTATE_LEFT", "ROTATE_RIGHT"))
        for example in examples("dyna", given):
            kind = example["input_text"].split("QUERY ")[1].split()[0]
            assert f"`QUERY {kind} " in told
    assert "mere names" in text("dyna", symbolic_names=False)
    assert "QUERY position" not in text("dyna", query_kind="element")


def test_a_reader_of_the_maps_of_trigger2d_answers_right() -> None:
    """The colours, and the words that turn them around, are read from the text alone."""
    for given in cases("trigger2d"):
        told = text("trigger2d", **given)
        flips = re.search(r"These words are: (.*?)\. How", told)
        turned = set(re.split(r", | and ", flips.group(1))) if flips else set()
        maps = {
            kind or "": re.findall(r"Q\d (\w+)", colours)
            for kind, colours in re.findall(
                r"(?:for ([a-z ]+), |same for all words: )(Q1 \w+, Q2 \w+, Q3 \w+ and Q4 \w+)", told
            )
        }
        kinds = {
            "objects": "objects of a household",
            "random_strings": "strings of letters and digits without meaning",
        }
        for example in examples("trigger2d", given):
            facts = example["metadata"]
            x1, x2 = facts["input_x"]
            quadrant = 0 if x1 > 0 and x2 > 0 else 1 if x2 > 0 else 2 if x1 < 0 else 3
            if facts["input_trigger"] in turned:
                quadrant = (quadrant + 2) % 4
            kind = kinds.get(facts["category"], facts["category"].replace("_", " "))
            assert maps[kind if len(maps) > 1 else ""][quadrant] == example["target"], (given, example)


def test_a_reader_of_the_rules_of_lano_derives_strings_of_the_grammar() -> None:
    for given in cases("lano"):
        told = text("lano", **given)
        root = re.search(r"Begin with the symbol (\d+)\.", told)
        assert root
        rules = {
            symbol: [choice.split() for choice in choices.split(" | ")]
            for symbol, choices in re.findall(r"^(\d+) -> (.*)$", told, re.MULTILINE)
        }
        for turn in range(3):
            string = [root.group(1)]
            while any(symbol in rules for symbol in string):
                string = [
                    child
                    for i, symbol in enumerate(string)
                    for child in (rules[symbol][(i + turn) % len(rules[symbol])] if symbol in rules else [symbol])
                ]
            example = {"input_text": "", "target": " ".join(string)}
            assert synthgen.lano.validate(example, **given).ok, given
        assert all(set(row["target"].split()) <= set(map(str, range(1, 17))) for row in examples("lano", given)[:3])


def test_a_reader_of_the_classes_of_selective_keeps_the_right_symbols() -> None:
    """Numbers of symbols and the divisor are those that the text tells."""
    for given in cases("selective"):
        told = text("selective", **given)
        found = re.search(r"divided by (\d+)\.", told)
        assert found
        assert "code c is number c - 32" in told
        classes = int(found.group(1))

        def number(symbol: str) -> int:
            return int(symbol[1:-1]) if len(symbol) > 1 else ord(symbol) - 32

        for example in examples("selective", given)[:20]:
            items, markers = example["input_text"].removesuffix("⟨copy⟩").rsplit("⟨key⟩", 1)
            wanted = {number(symbol) % classes for symbol in re.findall(r"⟨\d+⟩|.", markers)}
            kept = [symbol for symbol in re.findall(r"⟨\d+⟩|.", items) if number(symbol) % classes in wanted]
            assert "".join(kept) == example["target"]


@pytest.mark.parametrize(
    ("task", "one", "other"),
    [
        ("analogy", {}, {"variant": "in_context"}),
        ("arithmetic", {}, {"operands": (1, 99)}),
        ("brevo", {}, {"multi": True, "n_max": 30}),
        ("capo", {}, {"form": "qa"}),
        ("capo", {}, {"reverse": "6"}),
        ("capo", {}, {"reverse_md": True}),
        ("copying", {}, {"num_symbols": 50}),
        ("depo", {}, {"max_word_len": 1, "n_max": 20}),
        ("depo", {}, {"separator": True}),
        ("depo", {}, {"allow_wrap": False}),
        ("dyna", {}, {"symbolic_names": False}),
        ("dyna", {}, {"query_kind": "element"}),
        ("facts", {}, {"num_facts": 8}),
        ("filtro", {}, {"shared_vocab": True}),
        ("filtro", {}, {"query_stream": "b"}),
        ("inducto", {}, {"vocab_size": 12}),
        ("inducto", {}, {"family": "with_composites"}),
        ("inducto", {"complexity": (1,)}, {"complexity": (2,)}),
        ("kv", {}, {"num_symbols": 50}),
        ("lano", {}, {"grammar": "cfg3b"}),
        ("logic", {}, {"mode": "parity"}),
        ("logic", {}, {"distractors": 3}),
        ("mano", {}, {"modulus": 29}),
        ("mano", {}, {"operators": "asmd"}),
        ("mano", {}, {"knowledge_augment": False}),
        ("pattern", {}, {"repeats": 3}),
        ("recall", {}, {"gap": 2}),
        ("reversal", {}, {"num_symbols": 50}),
        ("selective", {}, {"num_classes": 8}),
        ("sequence", {}, {"num_examples": 0}),
        ("trigger2d", {}, {"labels": "half_plane"}),
        ("trigger2d", {}, {"labels": "per_category"}),
        ("trigger2d", {}, {"label_rule": "proxy_flip"}),
        ("trigger2d", {"label_rule": "proxy_flip"}, {"label_rule": "proxy_flip", "trigger_seed": 1}),
        ("trigger2d", {}, {"output_preamble": True}),
        ("trigger2d", {}, {"custom_labels": "red,red,blue,blue"}),
    ],
)
def test_they_follow_the_parameters(task: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert text(task, **one) != text(task, **other)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_covered_and_levels_are_their_parameters(task: str) -> None:
    assert text(task) != REGISTRY[task]["summary"]
    for level in (1, 2, 3):
        assert text(task, difficulty=level) == text(task, **REGISTRY[task]["presets"][level - 1])


def test_the_form_that_is_told_is_accepted() -> None:
    example = synthgen.trigger2d.example(0, output_preamble=True)
    assert synthgen.trigger2d.score(f"ANSWER: F(x,T) = {example['target']}", example).correct
    example = synthgen.sequence.example(0)
    assert re.fullmatch(r"\[\d+\]", example["target"])
    assert "brackets" in text("sequence")
    assert "without brackets" in text("inducto")
    assert "[" not in synthgen.inducto.example(0)["target"]


def test_the_command_line_prints_them(cli: Cli) -> None:
    status, out, _ = cli("show", "mano", "--rows", "1", "--modulus", "29", "--instructions")
    assert status == 0
    assert out.startswith(text("mano", modulus=29) + "\n\n")
    assert "mano_p" in out
    assert "prefix notation" not in cli("show", "mano", "--rows", "1")[1]


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(synthgen.ParamError, match="modulus"):
        text("mano", modulus=1)
