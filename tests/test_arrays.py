"""Arrays are read-only views of native memory: aligned, taken by JAX without a copy, freed with the last view."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from numpy.typing import NDArray

Array = NDArray[Any]

# Memory is the engine's business, whatever the task: two tasks, and a mixture of them, stand for all.
TASKS = tuple(synthgen.tasks())[:2]
KINDS = ("batch", "packed")
DTYPES = ("int32", "uint16")
WIDE = 2048  # wider than the longest row of these tasks at their defaults
HEAVY = ("jax", "torch", "pyarrow", "datasets", "transformers", "tokenizers", "tqdm", "huggingface_hub", "pandas")


def made(name: str, kind: str, n: int, dtype: str = "int32", seed: int = 0) -> Any:
    """Make a batch or packed windows of a task, or of the mixture of both under the name "mix"."""
    source: Any = synthgen.mix(dict.fromkeys(TASKS, 1.0)) if name == "mix" else synthgen.get(name)
    if kind == "batch":
        return source.batch(n, seed, dtype=dtype, threads=2)
    return source.packed(n, WIDE, seed, dtype=dtype, threads=2)


def arrays(of: Any) -> dict[str, Array]:
    """All arrays that a batch or packed windows hold, by name."""
    found = {name: value for name, value in vars(of).items() if isinstance(value, np.ndarray)}
    assert {"input_ids", "loss_mask"} <= found.keys()
    assert len(found) == (5 if isinstance(of, synthgen.Batch) else 12)
    return found


def owner(array: Array) -> Any:
    """Follow a view to what owns its memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base


every_kind = pytest.mark.parametrize("kind", KINDS)
every_source = pytest.mark.parametrize("name", [*TASKS, "mix"])
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
# The last is large enough for ids and mask to lie on huge pages.
every_size = pytest.mark.parametrize("n", [0, 1, 7, 2**25 // WIDE])


@every_source
@every_kind
@every_dtype
@every_size
def test_arrays_are_aligned_views_of_native_memory(name: str, kind: str, dtype: str, n: int) -> None:
    for field, array in arrays(made(name, kind, n, dtype)).items():
        assert array.flags.c_contiguous, field
        assert array.ctypes.data % 64 == 0, field
        assert array.base is not None, field
        assert not array.flags.owndata, field
        assert type(owner(array)).__qualname__ == "Buffer", field
        assert type(owner(array)).__module__ == "synthgen._native", field


@every_source
@every_kind
@every_dtype
def test_no_array_is_the_memory_of_another(name: str, kind: str, dtype: str) -> None:
    spans = sorted(
        (array.ctypes.data, array.ctypes.data + array.nbytes) for array in arrays(made(name, kind, 9, dtype)).values()
    )
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def attempts(array: Array) -> Iterator[Callable[[], Any]]:
    """Ways to write to an array, none of which may succeed."""
    yield lambda: array.__setitem__(Ellipsis, 0)
    yield lambda: array.__iadd__(array)
    yield lambda: array.fill(0)
    yield array.sort
    yield lambda: array.setflags(write=True)
    yield lambda: array[:1].setflags(write=True)
    yield lambda: array.view(np.uint8).setflags(write=True)
    yield lambda: array.reshape(-1).__setitem__(slice(None), 0)
    yield lambda: np.copyto(array, 0)
    yield lambda: np.add(array, array, out=array)


@every_source
@every_kind
@every_dtype
@pytest.mark.parametrize("n", [0, 5])
def test_arrays_cannot_be_written(name: str, kind: str, dtype: str, n: int) -> None:
    for field, array in arrays(made(name, kind, n, dtype)).items():
        before = array.copy()
        assert not array.flags.writeable, field
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
        for attempt in attempts(array):
            with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
                attempt()
        assert memoryview(array.data).readonly, field
        assert np.array_equal(array, before), field


@every_source
@every_dtype
def test_an_empty_batch_has_the_shapes_of_a_full_one(name: str, dtype: str) -> None:
    for kind in KINDS:
        empty, one = made(name, kind, 0, dtype), made(name, kind, 1, dtype)
        assert len(empty) == 0
        for field, array in arrays(empty).items():
            like = arrays(one)[field]
            assert array.dtype == like.dtype, field
            assert array.shape[1:] == like.shape[1:], field
            assert array.tolist() == ([0] if field.endswith("_offsets") else []), field
        assert empty.labels.shape == empty.answer_mask.shape == empty.input_ids.shape
        assert empty.input_ids.shape == (0, one.input_ids.shape[1])
    assert made(name, "batch", 0, dtype).examples() == []


def device_arrays(of: Any) -> Iterator[tuple[str, Array]]:
    for field, array in arrays(of).items():
        if array.dtype in (np.int32, np.uint16, np.uint8) and array.size:
            yield field, array


@pytest.fixture
def jax(monkeypatch: pytest.MonkeyPatch) -> Any:
    """JAX on the CPU."""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    import jax

    assert jax.default_backend() == "cpu"
    return jax


@every_source
@every_kind
@every_dtype
@pytest.mark.parametrize("n", [1, 33])
def test_jax_takes_the_memory_itself(jax: Any, name: str, kind: str, dtype: str, n: int) -> None:
    seen = set()
    for field, array in device_arrays(made(name, kind, n, dtype)):
        put = jax.device_put(array)
        assert put.unsafe_buffer_pointer() == array.ctypes.data, field
        assert put.dtype == array.dtype, field
        seen.add(array.dtype.name)
    assert seen == {dtype, "int32", "uint8"}


@every_source
@every_kind
@every_dtype
def test_a_jax_array_outlives_the_batch(jax: Any, name: str, kind: str, dtype: str) -> None:
    n = 20_000_000 // WIDE
    batch = made(name, kind, n, dtype, seed=1)
    wanted = {field: array.copy() for field, array in device_arrays(batch)}
    put = {field: jax.device_put(array) for field, array in device_arrays(batch)}
    del batch
    gc.collect()
    for seed in range(2, 6):  # memory that was freed too early would be taken again
        made(name, kind, n, dtype, seed)
    for field, array in put.items():
        assert np.array_equal(np.asarray(array), wanted[field]), field


@every_source
@every_kind
@every_dtype
def test_a_view_outlives_the_batch(name: str, kind: str, dtype: str) -> None:
    n = 30
    kept = {field: array[1:][::2] for field, array in arrays(made(name, kind, n, dtype, seed=1)).items()}
    gc.collect()
    for seed in range(2, 40):
        made(name, kind, n, dtype, seed)
    fresh = arrays(made(name, kind, n, dtype, seed=1))
    for field, view in kept.items():
        assert np.array_equal(view, fresh[field][1:][::2]), field


MEMORY = """
import resource, sys
import synthgen

name, kind, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
task = synthgen.get(name)
n = 64_000_000 // (width * (5 if kind == "batch" else 13))

def peak():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

def work(seed):
    if kind == "batch":
        batch = task.batch(n, seed, threads=1, seq_len=width)
    else:
        batch = task.packed(n, width, seed, threads=1)
    assert batch.input_ids.nbytes + batch.loss_mask.nbytes > 20_000_000
    view = batch.input_ids[1:, ::3]
    del batch
    return int(view.max())

for seed in range(3):
    assert work(seed) > 0
before = peak()
for seed in range(40):
    work(seed)
print(peak() - before)
"""


@every_kind
@pytest.mark.parametrize("name", TASKS)
def test_memory_is_freed_with_the_last_view(name: str, kind: str) -> None:
    code = [sys.executable, "-c", MEMORY, name, kind, str(WIDE)]
    grown = int(subprocess.run(code, capture_output=True, text=True, check=True).stdout)
    assert grown < 250_000_000  # of 2.5 GB made


LAZY = """
import sys
import synthgen, synthgen.cli
for name in synthgen.tasks():
    task = synthgen.get(name)
    batch = task.batch(3)
    windows = task.packed(3, batch.input_ids.shape[1])
    assert len(batch.labels) == len(batch.examples()) == len(windows) == 3
    assert task.validate(batch.input_ids[0], batch.loss_mask[0]).ok
    assert len(task.source(0, 5)[4]["input_ids"]) > 0
print(*sys.modules)
"""


@pytest.mark.parametrize("code", ["import sys, synthgen; print(*sys.modules)", LAZY])
def test_heavy_packages_are_not_imported(code: str) -> None:
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "synthgen" in found
    assert not set(HEAVY) & {module.partition(".")[0] for module in found}


LINES = """
import sys, synthgen.cli
assert synthgen.cli.main(["generate", "single", "dyna", "--total-tokens", "10K", "--quiet", *sys.argv[1:]]) == 0
print(*sys.modules)
"""


@pytest.mark.parametrize("code", ["import sys, synthgen, synthgen.cli; print(*sys.modules)", LINES])
def test_numpy_is_not_imported_before_arrays_are_made(code: str, tmp_path: Path) -> None:
    """To import it takes longer than to generate a small dataset."""
    words = [sys.executable, "-c", code, "--output-dir", str(tmp_path / "data")]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert "synthgen" in found
    assert not {"numpy", "jax", "torch", "datasets", "pyarrow"} & set(found)
