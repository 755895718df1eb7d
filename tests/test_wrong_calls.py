"""Wrong calls: each raises the right class, and its message names the task, the field, the value and the way out."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen import errors
from synthgen.compat import DynaTask, validate_depo_example

from tests.public_cases import MAX_U64, SPLITS, TASKS, few, law

dyna: Any = synthgen.dyna
depo: Any = synthgen.depo
mix: Any = synthgen.mix
SMALL: dict[str, Any] = {"state_size": 2, "num_ops": 1, "num_queries": 1}
PROMPT = "STATE [B, A] || OPS SWAP(0,1) || QUERY position 0 ->"

Wrong = tuple[Callable[[], Any], type[Exception], list[str]]
Raised = TypeVar("Raised", bound=Exception)


def error_of(kind: type[Raised], call: Callable[[], Any]) -> Raised | None:
    """Call; what is raised must be of this very class."""
    try:
        call()
    except kind as error:
        return error if type(error) is kind else None
    return None


# Parameters: task, parameters, the field that the error is about, what the message says besides.
PARAMS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("dyna", {"state_size": 1}, "state_size", ["= 1;", "2..=64"]),
    ("dyna", {"state_size": 65}, "state_size", ["= 65;", "2..=64"]),
    ("dyna", {"state_size": (5, 65)}, "state_size", ["[5,65]", "2..=64"]),
    ("dyna", {"state_size": (9, 5)}, "state_size", ["[9,5]", "(lo, hi) pair"]),
    ("dyna", {"state_size": (5, 6, 7)}, "state_size", ["[5,6,7]", "(lo, hi) pair"]),
    ("dyna", {"state_size": 5.0}, "state_size", ["5.0", "an integer"]),
    ("dyna", {"state_size": True}, "state_size", ["true", "an integer"]),
    ("dyna", {"state_size": 2**70}, "state_size", [str(2**70), "2..=64"]),
    ("dyna", {"state_size": -3}, "state_size", ["-3", "2..=64"]),
    ("dyna", {"state_size": {"lo": 5}}, "state_size", ["lo", "(lo, hi) pair"]),
    ("dyna", {"state_size": [5, [6]]}, "state_size", ["[5,", "(lo, hi) pair"]),
    ("dyna", {"num_ops": 0}, "num_ops", ["= 0;", "1..=512"]),
    ("dyna", {"num_ops": float("nan")}, "num_ops", ["an integer"]),
    ("dyna", {"num_queries": 0}, "num_queries", ["= 0;", "1..=63"]),
    ("dyna", {"num_queries": 5}, "num_queries", ["= 5;", "state_size - 1 = 4", "raise state_size"]),
    ("dyna", {"state_size": 3}, "num_queries", ["= 3;", "state_size - 1 = 2", "raise state_size"]),
    ("dyna", {"difficulty": 1, "num_queries": 5}, "num_queries", ["state_size - 1 = 4"]),
    ("dyna", {"query_kind": "Both"}, "query_kind", ['"Both"', '"both", "position", "element"']),
    ("dyna", {"query_kind": 1}, "query_kind", ['"both", "position", "element"']),
    ("dyna", {"symbolic_names": 1}, "symbolic_names", ["True or False"]),
    ("dyna", {"effective_depth": 6}, "effective_depth", ["num_ops = 5", "raise num_ops"]),
    ("dyna", {"effective_depth": 1, **SMALL}, "effective_depth", ["state_size of at least 3"]),
    ("dyna", {"num_querys": 2}, "num_querys", ["no such parameter", 'did you mean "num_queries"?']),
    ("dyna", {"n_max": 9}, "n_max", ["no such parameter", "known: state_size, num_ops"]),
    ("dyna", {"difficulty": 1, "state_size": (5, 7)}, "state_size", ["difficulty=1", "give one of them"]),
    ("dyna", {"difficulty": 3, "num_ops": 5}, "num_ops", ["difficulty=3", "give one of them"]),
    ("depo", {"n_max": 2}, "n_max", ["= 2;", "3..=4096"]),
    ("depo", {"n_max": 4097}, "n_max", ["4097", "3..=4096"]),
    ("depo", {"k_max": 129}, "k_max", ["1..=128"]),
    ("depo", {"num_queries": 1025}, "num_queries", ["1..=1024"]),
    ("depo", {"mini_vocab": 0}, "mini_vocab", ["1..=128"]),
    ("depo", {"min_word_len": 3}, "max_word_len", ["= 2;", "min_word_len = 3"]),
    ("depo", {"mini_vocab": 5}, "n_max", ["225", "30 words", "raise mini_vocab or max_word_len"]),
    ("depo", {"fixed_k": 2, "k_set": [2]}, "k_set", ["fixed_k", "give one of them"]),
    ("depo", {"fixed_k": 0}, "fixed_k", ["1..=128"]),
    ("depo", {"fixed_k": [3]}, "fixed_k", ["None or an integer"]),
    ("depo", {"k_set": []}, "k_set", ["non-empty list"]),
    ("depo", {"k_set": [3, 129]}, "k_set", ["129", "1..=128"]),
    ("depo", {"k_set": "3"}, "k_set", ["non-empty list"]),
    ("depo", {"n_max": 8, "allow_wrap": False}, "n_max", ["= 8;", "hop count 8", "allow_wrap=True"]),
    ("depo", {"n_max": 8, "fixed_k": 8}, "n_max", ["= 8;", "hop count 8", "allow_wrap=True"]),
    ("depo", {"n_max": 9, "k_set": [2, 9], "allow_wrap": False}, "n_max", ["hop count 9", "allow_wrap=True"]),
    ("depo", {"allow_wrap": 0}, "allow_wrap", ["None, True or False"]),
    ("depo", {"separator": None}, "separator", ["True or False"]),
    ("depo", {"nmax": 9}, "nmax", ["no such parameter", 'did you mean "n_max"?']),
    ("depo", {"difficulty": 2, "n_max": 300}, "n_max", ["difficulty=2", "give one of them"]),
    ("depo", {"difficulty": 1, "n_max": 225}, "n_max", ["difficulty=1", "give one of them"]),
]

# Arguments of `batch` that every task refuses alike.
ARGUMENTS: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"n": -1}, "n", ["-1", f"0..={2**47}"]),
    ({"n": 2**47 + 1}, "n", [str(2**47 + 1), f"0..={2**47}"]),
    ({"n": True}, "n", ["True", "an integer"]),
    ({"n": 2.0}, "n", ["2.0", "an integer"]),
    ({"n": None}, "n", ["None", "an integer"]),
    ({"seed": -1}, "seed", ["-1", str(MAX_U64)]),
    ({"seed": 2**64}, "seed", [str(2**64), str(MAX_U64)]),
    ({"start": -1}, "start", ["-1", str(MAX_U64)]),
    ({"start": 2**64}, "start", [str(2**64), str(MAX_U64)]),
    ({"start": MAX_U64}, "start", [str(MAX_U64), "start + n must stay below 2^64", "n = 2"]),
    ({"split": "valid"}, "split", ['"valid"', '"train", "validation" or "test"']),
    ({"split": 0}, "split", ["0", "a string"]),
    ({"seq_len": 2}, "seq_len", ["= 2;", "the longest row", 'overflow="redraw"']),
    ({"seq_len": 2, "overflow": "redraw"}, "seq_len", ["no row fits", "larger seq_len or smaller parameters"]),
    ({"seq_len": 0}, "seq_len", ["= 0;", "an integer in 1..="]),
    ({"overflow": "drop"}, "overflow", ['"drop"', '"error", "redraw", "truncate"']),
    ({"overflow": None}, "overflow", ["None", "a string"]),
    ({"dtype": "int64"}, "dtype", ['"int64"', '"int32", "uint16"']),
    ({"dtype": np.int32}, "dtype", ["int32", "a string"]),
    ({"difficulty": 0}, "difficulty", ["= 0;", "1..=3"]),
    ({"difficulty": 4}, "difficulty", ["= 4;", "1..=3"]),
    ({"difficulty": "2"}, "difficulty", ["'2'", "an integer"]),
    ({"difficulty": True}, "difficulty", ["True", "an integer"]),
    ({"difficulty": 1.0}, "difficulty", ["1.0", "an integer"]),
    ({"threads": 0}, "threads", ["= 0;", "1..=1024"]),
    ({"threads": 1025}, "threads", ["1025", "1..=1024"]),
]

PARAM, UNKNOWN, SOLVE = errors.ParamError, errors.UnknownTaskError, errors.SolveError

CALLS: list[Wrong] = [
    (lambda: mix({}), PARAM, ["mix", "weights", "1..=255 tasks"]),
    (lambda: mix({"dyna": 0, "depo": 0.0}), PARAM, ["weights", "at least one must be positive"]),
    (lambda: mix({"dyna": 1, "depo": -2}), PARAM, ["weights", "depo: -2", "numbers >= 0"]),
    (lambda: mix({"dyna": float("nan")}), PARAM, ["weights", "NaN", "finite"]),
    (lambda: mix({"dyna": 1e308, "depo": 1e308}), PARAM, ["weights", "sum finite"]),
    (lambda: mix({"dyna": True}), PARAM, ["weights['dyna']", "True", "a number >= 0"]),
    (lambda: mix({"dyna": "1"}), PARAM, ["weights['dyna']", "'1'", "a number >= 0"]),
    (lambda: mix(["dyna"]), PARAM, ["weights", "a dict of task names"]),
    (lambda: mix({"dyna": 1}, params={"depo": {}}), PARAM, ["params", "'depo'", "tasks of the mixture, dyna"]),
    (lambda: mix({"dyna": 1}, params={"dyna": {"num_ops": 0}}), PARAM, ["task dyna", "num_ops = 0"]),
    (lambda: mix({"dyna": 1}, difficulty=4), PARAM, ["difficulty = 4", "1..=3"]),
    (lambda: mix({"dyna": 1}).batch(1, seq_len=9), PARAM, ["task mix", "seq_len = 9", 'overflow="redraw"']),
    (lambda: mix({"dyna": 1}).vocab.encode(PROMPT), SOLVE, ["no task piece", "<dyna>"]),
    (lambda: mix({"dyna": 1}).lower([1, 2, 3]), PARAM, ["mix", "ids", "a task piece"]),
    (lambda: mix({"dyna": 1}).lower([1, -2]), PARAM, ["mix", "ids", "-2"]),
    (lambda: mix({"dyno": 1}), UNKNOWN, ['"dyno"', "known tasks: dyna, depo", 'did you mean "dyna"?']),
    (lambda: synthgen.get("DEPO"), UNKNOWN, ['"DEPO"', 'did you mean "depo"?']),
    (lambda: synthgen.get("something else"), UNKNOWN, ['"something else"', "known tasks: dyna, depo"]),
    (lambda: dyna.packed(1, 20), PARAM, ["seq_len = 20", "the longest row", "redraw"]),
    (lambda: dyna.packed(1, None), PARAM, ["seq_len = None", "an integer"]),
    (lambda: dyna.packed(1, 200, policy="cut"), PARAM, ["policy", '"cut"', '"truncate", "pad"']),
    (lambda: dyna.packed(1, 200, policy=None), PARAM, ["policy", "None", "a string"]),
    (lambda: dyna.packed(1, 200, overflow="truncate"), PARAM, ["overflow", "never cut", '"redraw"']),
    (lambda: dyna.packed(2, 200).instance(0, 99), PARAM, ["j = 99", "allowed: an integer in 0..="]),
    (lambda: depo.batch(1, compat_ids=1), PARAM, ["compat_ids = 1", "True or False"]),
    (lambda: dyna.example(MAX_U64), PARAM, ["start", str(MAX_U64)]),
    (lambda: dyna.examples(2, split="Train"), PARAM, ["split", '"Train"', '"validation"']),
    (lambda: dyna.source(0, -1), PARAM, ["length = -1"]),
    (lambda: dyna.dataset(2, columns="ids"), PARAM, ["columns = 'ids'", "'all', 'text' or 'tokens'"]),
    (lambda: dyna.iterable(0, 5, shards=0), PARAM, ["shards = 0", "1..="]),
    (lambda: dyna.tokenizer("sentencepiece"), PARAM, ["kind = 'sentencepiece'", "'tokenizers'"]),
    (lambda: dyna.vocab.decode([3, 10_000]), PARAM, ["ids = 10000", "0..="]),
    (lambda: depo.vocab.decode([-1]), PARAM, ["ids = -1", "0..="]),
    (lambda: dyna.vocab.encode("STATE [A, b"), SOLVE, ["task dyna", "no piece", "at character 10"]),
    (lambda: dyna.solve(5), PARAM, ["text = 5", "a string"]),
    (lambda: dyna.score(5, {"target": "A"}), PARAM, ["response = 5", "a string"]),
    (lambda: dyna.score("A", "A"), PARAM, ["example = 'A'", "a dict with at least 'target'"]),
    (lambda: dyna.score("A", {}), PARAM, ["target = None", "a string"]),
    (lambda: dyna.score("A", {"target": 3}), PARAM, ["target = 3", "a string"]),
    (lambda: dyna.validate({"target": "A"}), PARAM, ["input_text = None", "a string"]),
    (lambda: dyna.validate({"input_text": PROMPT}), PARAM, ["target = None", "a string"]),
    (lambda: DynaTask({"state_max": 5}), PARAM, ["task dyna", "state_max = 5", "known: state_size_min"]),
    (lambda: DynaTask(seed=-1), PARAM, ["seed = -1"]),
    (lambda: DynaTask().generate_dataset(2, 4), PARAM, ["difficulty_level = 4", "1..=3"]),
    (lambda: DynaTask(state_size_max=3).generate_sample(), PARAM, ["state_size_max = [5,3]"]),
    (lambda: validate_depo_example([1], {"Q": 3}), PARAM, ["task depo", "Q = 3", "known: N, K, M"]),
]


@pytest.mark.parametrize(("task", "params", "field", "parts"), PARAMS)
def test_wrong_parameters(task: str, params: dict[str, Any], field: str, parts: list[str]) -> None:
    module = TASKS[task]
    calls: list[Callable[[], Any]] = [
        lambda: module.batch(1, **params),
        lambda: module.packed(1, 4096, **params),
        lambda: module.example(0, **params),
        lambda: module.validate([1], **params),
        lambda: module.source(0, 5, **params),
    ]
    for call in calls:
        with pytest.raises(errors.ParamError) as caught:
            call()
        assert type(caught.value) is errors.ParamError
        assert (caught.value.task, caught.value.field) == (task, field)
        message = str(caught.value)
        assert message == f"task {task}: {field} = {caught.value.value}; {caught.value.allowed}"
        for part in parts:
            assert part in message


@pytest.mark.parametrize("source", [*TASKS, "mix"])
@pytest.mark.parametrize(("arguments", "field", "parts"), ARGUMENTS)
def test_wrong_arguments(source: str, arguments: dict[str, Any], field: str, parts: list[str]) -> None:
    def call() -> Any:
        given = {"n": 2, **arguments}
        if source != "mix":
            return TASKS[source].batch(**given)
        of_mix = {"difficulty": given.pop("difficulty")} if "difficulty" in given else {}
        return mix(dict.fromkeys(few(), 1), **of_mix).batch(**given)

    with pytest.raises(errors.ParamError) as caught:
        call()
    assert (type(caught.value), caught.value.field) == (errors.ParamError, field)
    assert caught.value.task in {source, *TASKS}
    assert field in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(("call", "kind", "parts"), CALLS)
def test_wrong_calls(call: Callable[[], Any], kind: type[Exception], parts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


HOSTILE: list[Any] = [
    [1.5],
    np.array([1.0, 2.0]),
    np.array([1.0, float("nan")]),
    np.array([[1, 2], [3, 4]]),
    [[1, 2], [3]],
    "1 2 3",
    b"\x01\x02",
    ["1", "2"],
    None,
    5,
    [None, 1],
    [1, [2]],
    np.array([1, "x"], dtype=object),
    np.array([1, 2], dtype=object),
    [2**63],
    [2**64],
    [-(2**63) - 1],
    np.array([MAX_U64], dtype=np.uint64),
    np.array([1j]),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    {1, 2},
    object(),
]


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize(
    "values", HOSTILE, ids=lambda value: type(value).__name__ if type(value) is object else repr(value)
)
def test_what_is_no_flat_sequence_of_integers_is_refused(task: str, values: Any) -> None:
    with pytest.raises(errors.ParamError) as caught:
        TASKS[task].validate(values)
    assert (type(caught.value), caught.value.task, caught.value.field) == (errors.ParamError, task, "ids")
    assert "allowed:" in str(caught.value)
    if values is not None:
        with pytest.raises(errors.ParamError) as caught:
            TASKS[task].validate([1, 2, 3], values)
        assert caught.value.field == "loss_mask"


@pytest.mark.parametrize("n", [2**47, 2**40])
def test_too_large_a_call_is_refused_at_once(n: int) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: dyna.batch(n),
        lambda: depo.packed(n, 4096),
        lambda: mix({"dyna": 1}).batch(n),
    ]
    for call in calls:
        with pytest.raises(errors.OutOfMemory) as caught:
            call()
        assert isinstance(caught.value, MemoryError)
        assert isinstance(caught.value, errors.SynthgenError)
        assert "GiB" in str(caught.value)
        assert "start=" in str(caught.value)


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1.5", "1025", "\u0663"])
def test_a_wrong_number_of_threads_in_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHGEN_NUM_THREADS", value)
    with pytest.raises(errors.ParamError) as caught:
        dyna.batch(1)
    assert caught.value.field == "SYNTHGEN_NUM_THREADS"
    assert value in str(caught.value)
    assert len(dyna.batch(1, threads=1)) == 1  # an argument goes before the environment


def test_an_empty_split_is_told_with_a_way_out() -> None:
    """Ten instances exist at these parameters: two states, each with SWAP, REVERSE and two rotations."""
    found: dict[str, Any] = {}
    for split in SPLITS:
        found[split] = error_of(errors.SplitExhausted, partial(dyna.batch, 1, split=split, **SMALL))
    empty = [split for split, error in found.items() if error is not None]
    for split in empty:
        assert (found[split].split, found[split].task) == (split, "dyna")
        assert f'split "{split}"' in str(found[split])
        wider = str(found[split]).split("parameters that work: ")[1]
        params = dict(part.split("=") for part in wider.split(";"))
        num_ops = tuple(int(number) for number in params["num_ops"].strip("[]").split(","))
        assert len(dyna.batch(5, split=split, **SMALL | {"num_ops": num_ops})) == 5
    assert empty
    assert "train" not in empty
    calls: list[Callable[[], Any]] = [
        lambda: dyna.packed(1, 64, split=empty[0], **SMALL),
        lambda: dyna.example(0, split=empty[0], **SMALL),
        lambda: mix({"dyna": 1}, params={"dyna": SMALL}).batch(1, split=empty[0]),
    ]
    for call in calls:
        with pytest.raises(errors.SplitExhausted, match="parameters that work"):
            call()


GARBAGE: list[tuple[str, str, int]] = [
    ("dyna", "", 0),
    ("dyna", "hello", 0),
    ("dyna", PROMPT + " A", len(PROMPT)),
    ("dyna", PROMPT.replace("(0,1)", "(0,2)"), PROMPT.index("1)")),
    ("dyna", PROMPT.replace("SWAP", "SWOP"), PROMPT.index("SWAP")),
    ("dyna", "STATE [é", 7),
    ("depo", "", 0),
    ("depo", "1 2 2 3 3 1 | QUERY hops=0 1 ->", 12),
    ("depo", "1 2 2 3 3 1 | QUERY hops=1 4 ->", 27),
]


@pytest.mark.parametrize(("task", "text", "position"), GARBAGE)
def test_solving_what_is_no_prompt_says_where(task: str, text: str, position: int) -> None:
    with pytest.raises(errors.SolveError) as caught:
        TASKS[task].solve(text)
    assert type(caught.value) is errors.SolveError
    assert caught.value.task == task
    assert caught.value.position == position
    assert str(caught.value).startswith(f"task {task}: ")
    assert str(caught.value).endswith(f"(at character {position})")


def test_one_tree_of_errors() -> None:
    own = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(own) >= 7
    for kind in own:
        assert issubclass(kind, errors.SynthgenError)
        assert issubclass(kind, ValueError)
        assert getattr(synthgen, kind.__name__) is kind
    assert issubclass(errors.UnknownTaskError, LookupError)
    assert issubclass(errors.OutOfMemory, MemoryError)


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("compat", [False, True])
def test_random_ids_always_get_a_verdict(task: str, compat: bool) -> None:
    module, rng = TASKS[task], np.random.default_rng(9)
    more = {"compat_ids": compat} if synthgen.tasks()[task].compat_ids else {}
    rows = module.batch(64, 10, difficulty=1, **more)
    bounds = [(0, 12), (0, len(module.vocab)), (-5, 10_000), (-(2**63), 2**63 - 1)]
    for trial in range(2000):
        low, high = bounds[trial % 4]
        ids = rng.integers(low, high, size=rng.integers(0, 60), dtype=np.int64, endpoint=True)
        if trial % 3 == 0:
            end = rows.lengths[trial % 64]
            ids = np.concatenate([rows.input_ids[trial % 64, :end], ids]) if trial % 2 else np.append(1, ids)
            ids[rng.integers(len(ids))] = rng.integers(low, high, dtype=np.int64)
        mask = None if trial % 2 else rng.integers(-1, 2, size=rng.integers(0, 60), dtype=np.int64)
        verdict = module.validate(ids, mask, **more)
        assert isinstance(verdict, synthgen.Verdict)
        assert verdict.ok == bool(verdict) == (verdict.reason is None) == (verdict.position is None)
        if not verdict.ok:
            assert verdict.position is not None
            assert 0 <= verdict.position <= max(len(ids), 0 if mask is None else len(mask))


@pytest.mark.parametrize("task", list(TASKS))
def test_random_masks_always_get_a_verdict(task: str) -> None:
    module, rng = TASKS[task], np.random.default_rng(11)
    rows = module.batch(50, 12)
    for i in range(50):
        ids, right = rows.input_ids[i], rows.loss_mask[i]
        for _ in range(20):
            mask = rng.integers(-(2**63), 2**63 - 1, size=len(right)) if rng.random() < 0.3 else right.astype(np.int64)
            mask[rng.integers(len(mask))] += rng.choice([-1, 1])
            assert not module.validate(ids, mask)
        assert not module.validate(ids, right[:-1])
        assert module.validate(ids, right)
        assert module.validate(ids, right.astype(bool))


@cache
def mixture_of_all() -> Any:
    return mix(dict.fromkeys(TASKS, 1))


def pieces_and_noise() -> Any:
    """Texts of pieces of any task, with anything between."""
    pieces = [piece for module in TASKS.values() for piece in module.vocab.pieces]
    return st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=3))).map("".join))


@law(pieces_and_noise(), pieces_and_noise(), examples=200)
def test_any_text_gives_a_result_or_an_error_of_ours(text: str, other: str) -> None:
    joint = mixture_of_all().vocab
    for module in TASKS.values():
        score = module.score(text, {"target": other})
        assert score.outcome in ("correct", "wrong", "unparsed", "truncated")
        assert score.correct == (score.outcome == "correct")
        assert isinstance(module.validate({"input_text": text, "target": other}).ok, bool)
        for read in (module.solve, module.vocab.encode):
            error = error_of(errors.SolveError, partial(read, text))
            assert error is None or 0 <= error.position <= len(text)
        refused = error_of(errors.ParamError, partial(module.batch, 1, split=text))
        assert (refused is None) == (text in SPLITS)
    error = error_of(errors.SolveError, partial(joint.encode, text))
    assert error is None or 0 <= error.position <= len(text)


def test_a_joint_vocabulary_is_not_exported_as_a_tokenizer() -> None:
    with pytest.raises(errors.SynthgenError, match=r"use vocab\.encode"):
        mixture_of_all().vocab.tokenizer()
