"""Wrong calls: each ends in the right class of error, whose message says what was wrong and what would be right."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen import data

from tests.strategies import TASKS, law

dyna: Any = synthgen.dyna
depo: Any = synthgen.depo
mix: Any = synthgen.mix
PROMPT = "STATE [B, A, C] || OPS SWAP(0,1) || QUERY position 0 ->"

Call = Callable[[], Any]

# What is called, the field at fault, and what the message says besides; the class is ParamError.
PARAMS: list[tuple[Call, str, list[str]]] = [
    # parameters of tasks
    (lambda: dyna.batch(1, state_sise=5), "state_sise", ["task dyna", "known: state_size", 'mean "state_size"?']),
    (lambda: depo.batch(1, nmax=5), "nmax", ["task depo", 'did you mean "n_max"?']),
    (lambda: dyna.batch(1, compat_ids=True), "compat_ids", ["task dyna", "no such parameter"]),
    (lambda: dyna.batch(1, num_queries=0), "num_queries", ["= 0;", "1..=63"]),
    (lambda: dyna.batch(1, num_queries=3.0), "num_queries", ["= 3.0;", "an integer"]),
    (lambda: dyna.batch(1, num_queries=True), "num_queries", ["= true;", "an integer"]),
    (lambda: dyna.batch(1, num_queries="3"), "num_queries", ['"3"', "an integer"]),
    (lambda: dyna.batch(1, num_queries=10**30), "num_queries", ["1" + "0" * 30, "1..=63"]),
    (lambda: dyna.batch(1, num_queries=5), "num_queries", ["at most", "state_size - 1 = 4", "raise state_size"]),
    (lambda: dyna.batch(1, num_ops=(9, 5)), "num_ops", ["[9,5]", "(lo, hi) pair", "1..=512"]),
    (lambda: dyna.batch(1, num_ops=[1, 2, 3]), "num_ops", ["[1,2,3]", "(lo, hi) pair"]),
    (lambda: dyna.batch(1, num_ops=np.array([3, 4])), "num_ops", ["array([3, 4])", "(lo, hi) pair"]),
    (lambda: dyna.batch(1, state_size=65), "state_size", ["= 65;", "2..=64"]),
    (lambda: dyna.batch(1, query_kind="places"), "query_kind", ['"places"', '"position"', '"element"']),
    (lambda: dyna.batch(1, symbolic_names=1), "symbolic_names", ["= 1;", "True or False"]),
    (lambda: dyna.batch(1, effective_depth=6), "effective_depth", ["smallest num_ops = 5", "raise num_ops"]),
    (lambda: dyna.batch(1, effective_depth=math.nan), "effective_depth", ["nan", "None, an integer"]),
    (lambda: dyna.batch(1, effective_depth=math.inf), "effective_depth", ["inf", "None, an integer"]),
    (
        lambda: dyna.batch(1, state_size=2, num_queries=1, effective_depth=1),
        "effective_depth",
        ["needs state_size of at least 3"],
    ),
    (lambda: depo.batch(1, n_max=2), "n_max", ["= 2;", "3..=4096"]),
    (lambda: depo.batch(1, k_set=[]), "k_set", ["= [];", "non-empty list"]),
    (lambda: depo.batch(1, k_set=[1, 129]), "k_set", ["[1,129]", "1..=128"]),
    (lambda: depo.batch(1, k_set=[1, math.nan]), "k_set", ["nan", "1..=128"]),
    (lambda: depo.batch(1, fixed_k=2, k_set=[2]), "k_set", ["[2]", "not together with fixed_k"]),
    (lambda: depo.batch(1, min_word_len=3), "max_word_len", ["= 2;", "at least min_word_len = 3"]),
    (lambda: depo.batch(1, n_max=9, mini_vocab=3), "n_max", ["half of the 12 words", "raise mini_vocab"]),
    (lambda: depo.batch(1, n_max=9, k_max=9, allow_wrap=False), "n_max", ["hop count 9", "allow_wrap=True"]),
    (lambda: depo.batch(1, n_max=9, fixed_k=9), "n_max", ["hop count 9", "allow_wrap=True"]),
    (lambda: depo.batch(1, compat_ids=1), "compat_ids", ["task depo", "True or False"]),
    # arguments of calls
    (lambda: dyna.batch(-1), "n", ["task dyna", "= -1;", f"0..={2**47}"]),
    (lambda: dyna.batch(2**47 + 1), "n", [str(2**47 + 1)]),
    (lambda: dyna.batch(True), "n", ["= True;", "an integer"]),
    (lambda: dyna.batch(2.0), "n", ["= 2.0;", "an integer"]),
    (lambda: dyna.batch("2"), "n", ["= '2';", "an integer"]),
    (lambda: dyna.batch(1, -1), "seed", ["= -1;", f"0..={2**64 - 1}"]),
    (lambda: dyna.batch(1, 2**64), "seed", [str(2**64)]),
    (lambda: dyna.batch(1, None), "seed", ["= None;", "an integer"]),
    (lambda: dyna.batch(1, start=-1), "start", ["= -1;"]),
    (lambda: dyna.batch(2, start=2**64 - 1), "start", ["start + n must stay below 2^64"]),
    (lambda: dyna.example(2**64 - 1), "start", [str(2**64 - 1)]),
    (lambda: dyna.batch(1, seq_len=3), "seq_len", ["= 3;", "at least 135", 'overflow="redraw"']),
    (lambda: dyna.batch(1, seq_len=0), "seq_len", ["= 0;", "1..="]),
    (lambda: dyna.batch(1, seq_len=3, overflow="redraw"), "seq_len", ["no row fits", "use a larger seq_len"]),
    (lambda: depo.packed(1, 5), "seq_len", ["= 5;", "at least", 'overflow="redraw"']),
    (lambda: dyna.packed(1, 512, overflow="truncate"), "overflow", ["never cut", '"redraw"']),
    (lambda: dyna.batch(1, overflow="cut"), "overflow", ['"cut"', '"error"', '"redraw"', '"truncate"']),
    (lambda: dyna.batch(1, dtype="int64"), "dtype", ['"int64"', '"int32"', '"uint16"']),
    (lambda: dyna.batch(1, dtype=np.int32), "dtype", ["numpy.int32", "a string"]),
    (lambda: dyna.batch(1, split="dev"), "split", ['"dev"', '"train"', '"validation"', '"test"']),
    (lambda: dyna.batch(1, split=1), "split", ["= 1;", "a string"]),
    (lambda: dyna.packed(1, 512, policy="cut"), "policy", ['"cut"', '"truncate"', '"pad"']),
    (lambda: dyna.batch(1, threads=0), "threads", ["= 0;", "1..=1024"]),
    (lambda: dyna.batch(1, threads=2.0), "threads", ["= 2.0;"]),
    (lambda: dyna.batch(1, difficulty=0), "difficulty", ["= 0;", "1..=3"]),
    (lambda: dyna.batch(1, difficulty=4), "difficulty", ["= 4;", "1..=3"]),
    (lambda: dyna.batch(1, difficulty="2"), "difficulty", ["= '2';"]),
    (lambda: dyna.batch(1, difficulty=True), "difficulty", ["= True;"]),
    (lambda: dyna.batch(1, difficulty=1, state_size=5), "state_size", ["not together with difficulty=1"]),
    (lambda: depo.batch(1, difficulty=2, n_max=9), "n_max", ["not together with difficulty=2", "give one of"]),
    (lambda: dyna.source(0, -1), "length", ["= -1;"]),
    (lambda: dyna.dataset(3, columns="tokens_only"), "columns", ["'tokens'"]),
    (lambda: dyna.iterable(0, 3, shards=0), "shards", ["= 0;", "1..="]),
    (lambda: dyna.tokenizer("sentencepiece"), "kind", ["'auto'", "'tokenizers'", "'transformers'"]),
    (lambda: dyna.packed(2, 512).instance(0, 99), "j", ["= 99;", "the instances of window 0"]),
    (lambda: dyna.vocab.decode([10**9]), "ids", ["task dyna", str(10**9)]),
    (lambda: dyna.vocab.decode([-1]), "ids", ["= -1;"]),
    # validators, solvers, scorers
    (lambda: dyna.validate([[1, 2]]), "ids", ["[[1, 2]]", "a flat sequence of integers"]),
    (lambda: dyna.validate([[1], [2, 3]]), "ids", ["a flat sequence of integers"]),
    (lambda: dyna.validate([1.0, math.nan]), "ids", ["[1.0, nan]", "a flat sequence of integers"]),
    (lambda: dyna.validate(None), "ids", ["= None;"]),
    (lambda: dyna.validate("abc"), "ids", ["= 'abc';"]),
    (lambda: dyna.validate({1, 2}), "ids", ["= {1, 2};"]),
    (lambda: dyna.validate(np.array([1, "a"], object)), "ids", ["dtype=object"]),
    (lambda: dyna.validate([2**70]), "ids", [str(2**70)]),
    (lambda: dyna.validate(np.array([2**64 - 1], np.uint64)), "ids", ["below 2^63"]),
    (lambda: dyna.validate([1, 2], [[1, 1]]), "loss_mask", ["a flat sequence of integers"]),
    (lambda: dyna.validate([1, 2], [0.0, 1.0]), "loss_mask", ["[0.0, 1.0]"]),
    (lambda: dyna.validate({"input_text": 5}), "input_text", ["= 5;", "a string"]),
    (lambda: dyna.validate({"input_text": PROMPT}), "target", ["= None;", "a string"]),
    (lambda: dyna.solve(b"STATE ["), "text", ["= b'STATE [';", "a string"]),
    (lambda: dyna.score("A", {}), "target", ["= None;", "a string"]),
    (lambda: dyna.score("A", "B"), "example", ["= 'B';", "a dict with at least 'target'"]),
    (lambda: dyna.score(5, {"target": "B"}), "response", ["= 5;", "a string"]),
    # mixtures
    (lambda: mix({}), "weights", ["task mix", "1..=255 tasks"]),
    (lambda: mix([("dyna", 1)]), "weights", ["a dict of task names to weights"]),
    (lambda: mix({5: 1}), "weights", ["{5: 1}", "a dict of task names"]),
    (lambda: mix({"dyna": 0, "depo": 0}), "weights", ["at least one weight must be positive"]),
    (lambda: mix({"dyna": -1}), "weights", ["-1", "finite numbers >= 0"]),
    (lambda: mix({"dyna": math.nan}), "weights", ["NaN", "finite numbers >= 0"]),
    (lambda: mix({"dyna": math.inf}), "weights", ["inf", "finite numbers >= 0"]),
    (lambda: mix({"dyna": "1"}), "weights['dyna']", ["= '1';", "a number >= 0"]),
    (lambda: mix({"dyna": True}), "weights['dyna']", ["= True;"]),
    (lambda: mix({"dyna": 1}, params={"depo": {}}), "params", ["'depo'", "tasks of the mixture, dyna"]),
    (lambda: mix({"dyna": 1}, params={"dyna": {"num_ops": 0}}), "num_ops", ["task dyna", "1..=512"]),
    (lambda: mix({"dyna": 1}).batch(-1), "n", ["task mix", "= -1;"]),
    (lambda: mix({"dyna": 1}).lower([7]), "ids", ["= [7];", "<bos>, a task piece"]),
    (lambda: mix({"dyna": 1}).lower([1.0]), "ids", ["1.0"]),
    # plans of datasets
    (lambda: data.Plan.make([], 1000), "tasks", ["one or more task names"]),
    (lambda: data.Plan.make(["dyna", "dyna"], 1000), "tasks", ["dyna,dyna", "each once"]),
    (lambda: data.Plan.make(["dyna"], "ten"), "total_tokens", ["'ten'", "500K, 10M, 1.5B"]),
    (lambda: data.Plan.make(["dyna"], 0), "total_tokens", ["= 0;"]),
    (lambda: data.Plan.make(["dyna"], 1000, formats=["csv"]), "format", ["'csv'", "jsonl, npy"]),
    (lambda: data.Plan.make(["dyna"], 1000, split_ratios=[1, 0]), "split_ratios", ["3 numbers >= 0"]),
    (
        lambda: data.Plan.make(["dyna"], 1000, curriculum_weights=[1, math.nan, 1]),
        "curriculum_weights",
        ["nan", "3 numbers >= 0"],
    ),
    (lambda: data.Plan.make(["dyna"], 1000, seed=-1), "seed", ["= -1;"]),
    (lambda: data.Plan.make(["dyna"], 1000, shard_tokens=1), "shard_tokens", ["= 1;", "1000..="]),
]


@pytest.mark.parametrize(("call", "field", "parts"), PARAMS, ids=[f"{i}-{row[1]}" for i, row in enumerate(PARAMS)])
def test_a_wrong_argument_is_named_with_its_value_and_the_way_out(call: Call, field: str, parts: list[str]) -> None:
    with pytest.raises(synthgen.ParamError) as caught:
        call()
    error, message = caught.value, str(caught.value)
    assert type(error) is synthgen.ParamError
    assert error.field == field
    assert error.value
    assert error.allowed
    where = "" if error.task is None else f"task {error.task}: "
    assert message == f"{where}{error.field} = {error.value}; {error.allowed}"
    for part in parts:
        assert part in message


# Calls that a message with field, value and bounds does not fit.
OTHERS: list[tuple[Call, type[Exception], list[str]]] = [
    (lambda: mix({"dina": 1}), synthgen.UnknownTaskError, ['"dina"', "dyna, depo", 'did you mean "dyna"?']),
    (lambda: synthgen.get("depot"), synthgen.UnknownTaskError, ['"depot"', 'did you mean "depo"?']),
    (lambda: synthgen.get("physics"), synthgen.UnknownTaskError, ['"physics"', "known tasks: dyna, depo"]),
    (lambda: data.Plan.make(["zzz"], 9), synthgen.UnknownTaskError, ['"zzz"', "known tasks"]),
    (lambda: dyna.batch(2**40), synthgen.OutOfMemory, ["GiB", "fewer rows", "seq_len"]),
    (lambda: depo.packed(2**40, 2**12), synthgen.OutOfMemory, ["GiB", "fewer rows"]),
    (lambda: mix({"dyna": 1}).batch(2**47), synthgen.OutOfMemory, ["GiB", "fewer rows"]),
    (lambda: dyna.batch(2**47, seq_len=2**30), synthgen.OutOfMemory, ["GiB", "fewer rows"]),
    (lambda: dyna.solve(""), synthgen.SolveError, ["task dyna", "at character"]),
    (lambda: dyna.vocab.encode("STATE [?"), synthgen.SolveError, ["no piece", "at character 7"]),
    (lambda: mix({"dyna": 1}).vocab.encode("STATE ["), synthgen.SolveError, ["<dyna>", "at character 0"]),
    (
        lambda: dyna.batch(1, split="test", state_size=2, num_ops=1, num_queries=1),
        synthgen.SplitExhausted,
        ["task dyna", '"test"', "4096 attempts", "parameters that work: num_ops="],
    ),
    (lambda: data.verify("no such directory"), synthgen.DatasetError, ["no such directory", "manifest.json"]),
]


@pytest.mark.parametrize(("call", "kind", "parts"), OTHERS)
def test_other_errors_have_their_class_and_say_why(call: Call, kind: type[Exception], parts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


def test_the_tree_of_errors() -> None:
    found = {error for error in vars(synthgen.errors).values() if isinstance(error, type)}
    assert len(found) >= 8
    for error in found - {Any}:
        assert issubclass(error, synthgen.SynthgenError)
        assert issubclass(error, ValueError)
    assert issubclass(synthgen.UnknownTaskError, LookupError)
    assert issubclass(synthgen.OutOfMemory, MemoryError)


def test_the_parameters_that_an_exhausted_split_names_do_work() -> None:
    small: dict[str, Any] = {"state_size": 2, "num_ops": 1, "num_queries": 1}
    for split in ("validation", "test"):
        with pytest.raises(synthgen.SplitExhausted, match="parameters that work") as caught:
            dyna.batch(5, split=split, **small)
        assert (caught.value.task, caught.value.split) == ("dyna", split)
        wider = str(caught.value).partition("parameters that work: ")[2]
        params = {name: eval(value) for name, value in (pair.split("=") for pair in wider.split(";"))}
        assert params != small
        assert dyna.batch(5, split=split, **params).splits.tolist() == [synthgen.batch.SPLITS.index(split)] * 5


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1.5", "1025", " 2", "\uff12"])
def test_a_wrong_number_of_threads_in_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHGEN_NUM_THREADS", value)
    calls: list[Call] = [lambda: dyna.batch(1), lambda: depo.packed(1, 2048), lambda: mix({"dyna": 1}).batch(1)]
    for call in calls:
        with pytest.raises(synthgen.ParamError, match=r"1\.\.=1024") as caught:
            call()
        assert caught.value.field == "SYNTHGEN_NUM_THREADS"


@pytest.mark.parametrize("name", TASKS)
def test_the_position_of_garbage_in_a_prompt(name: str) -> None:
    task = synthgen.get(name)
    for seed in range(20):
        prompt = task.batch(1, seed).prompt(0)
        for at in (0, len(prompt) // 3, len(prompt) - 1):
            with pytest.raises(synthgen.SolveError) as caught:
                task.solve(prompt[:at] + "\u2603" + prompt[at:])
            assert caught.value.task == name
            assert 0 <= caught.value.position <= at
            assert f"at character {caught.value.position}" in str(caught.value)
            with pytest.raises(synthgen.SolveError):
                task.solve(prompt[:at])


def test_the_position_of_garbage_in_a_text_of_a_mixture() -> None:
    with pytest.raises(synthgen.SolveError) as caught:
        mix({"dyna": 1}).vocab.encode("<dyna>STATE [?")
    assert caught.value.position == len("<dyna>STATE [")


@pytest.mark.parametrize("name", TASKS)
def test_any_integers_get_a_verdict(name: str) -> None:
    task, rng = synthgen.get(name), np.random.default_rng(1)
    size, rejected = len(task.vocab), 0
    whole = task.batch(50, 2)
    for i in range(4000):
        length = int(rng.integers(0, 60))
        low, high = [(0, size), (-3, size + 3), (-(2**63), 2**63 - 1)][i % 3]
        ids = rng.integers(low, high, length)
        if i % 2:  # a whole row, some of it overwritten
            own = whole.input_ids[i % 50].astype(np.int64)
            own[rng.integers(0, len(own), 3)] = rng.integers(low, high, 3)
            ids = own
        mask = rng.integers(-1, 3, len(ids) + i % 5 // 4) if i % 7 else None
        verdict = task.validate(ids, mask)
        assert isinstance(verdict, synthgen.Verdict)
        assert bool(verdict) == verdict.ok == (verdict.reason is None) == (verdict.position is None)
        if verdict.position is not None:
            assert 0 <= verdict.position <= len(ids) + 1
            rejected += 1
    assert rejected > 3900


texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from([piece for name in TASKS for piece in synthgen.get(name).vocab.pieces])).map("".join),
    st.text(st.characters(codec="utf-8", categories=["Cc", "Cf", "Zs", "So"])),
)


@law(400, text=texts, other=texts, name=st.sampled_from(TASKS))
def test_any_text_gets_an_answer_or_a_position(text: str, other: str, name: str) -> None:
    task = synthgen.get(name)
    for read, kind in ((task.solve, str), (task.vocab.encode, list)):
        try:
            found = read(text)
        except synthgen.SolveError as error:
            found = kind() if 0 <= error.position <= len(text) else error
        assert isinstance(found, kind)
    assert isinstance(task.score(text, {"target": other}), synthgen.Score)
    assert not task.validate({"input_text": text, "target": other}).ok


LONE = "\ud800"  # half of a pair of surrogates: text in Python, but in no encoding
HOSTILE: dict[str, Call] = {
    "a prompt of no encoding": lambda: dyna.solve(LONE),
    "a text of no encoding": lambda: dyna.vocab.encode(LONE),
    "an example of no encoding": lambda: dyna.validate({"input_text": LONE, "target": "A"}),
    "a response of no encoding": lambda: dyna.score(LONE, {"target": "A"}),
    "a target of no encoding": lambda: dyna.score("A", {"target": LONE}),
    "a split of no encoding": lambda: dyna.batch(1, split=LONE),
    "a parameter of no encoding": lambda: dyna.batch(1, **{LONE: 1}),
    "a task of no encoding": lambda: synthgen.get(LONE),
    "more rows than Python prints": lambda: dyna.batch(10**5000),
    "a parameter longer than Python prints": lambda: dyna.batch(1, num_queries=10**5000),
    "a weight above all floats": lambda: mix({"dyna": 10**400}),
    "a parameter whose name is a number": lambda: mix({"dyna": 1}, params={"dyna": {3: 4}}),
    "names of two types": lambda: mix({"dyna": 1}, params={"dyna": {3: 4, "num_ops": 3}}),
    "a number for a task's parameters": lambda: mix({"dyna": 1}, params={"dyna": 5}),
    "a number for all parameters": lambda: mix({"dyna": 1}, params=5),
    "a number for a joint row": lambda: mix({"dyna": 1}).lower(5),
    "a fraction for an id": lambda: dyna.vocab.decode([3.7]),
    "a letter for an id": lambda: dyna.vocab.decode(["a"]),
    "None for an id": lambda: dyna.vocab.decode([None]),
    "a source of an unknown split": lambda: dyna.source(0, 9, split="dev"),
    "a source that is too narrow": lambda: dyna.source(0, 9, seq_len=3),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_values_get_an_error_of_the_library(what: str) -> None:
    with pytest.raises(synthgen.SynthgenError):
        HOSTILE[what]()


def test_a_list_that_contains_itself_is_refused_and_ends_no_process() -> None:
    script = (
        "import synthgen\nlist_ = []\nlist_.append(list_)\n"
        "try: synthgen.depo.batch(1, k_set=list_)\nexcept synthgen.ParamError as error: print(error.field)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "k_set\n")


def test_a_directory_that_is_no_dataset_is_left_alone(tmp_path: Path) -> None:
    plan = data.Plan.make(["dyna"], 1000)
    (tmp_path / "precious").write_text("mine")
    for overwrite, way_out in ((False, "--overwrite"), (True, "not overwriting")):
        with pytest.raises(synthgen.DatasetError, match=way_out):
            data.generate(plan, tmp_path, overwrite=overwrite)
    (tmp_path / "manifest.json").write_text('{"name": "a manifest of something else"}')
    with pytest.raises(synthgen.DatasetError):
        data.generate(plan, tmp_path, overwrite=True)
    assert (tmp_path / "precious").read_text() == "mine"
    with pytest.raises(synthgen.DatasetError, match="is a file"):
        data.generate(plan, tmp_path / "precious")
