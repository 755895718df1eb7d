"""The border between Rust and Python: arrays are views of one allocation, aligned, read-only, freed with the last."""

import gc
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import synthgen

os.environ["JAX_PLATFORMS"] = "cpu"  # read at JAX's first import
import jax

TASKS = tuple(synthgen.tasks())
DTYPES = ("int32", "uint16")
HEAVY = {"jax", "torch", "pyarrow", "datasets", "transformers", "tokenizers", "pandas", "tqdm"}


def arrays_of(holder: Any) -> dict[str, Any]:
    """All arrays that a batch or packed windows hold, by name."""
    return {name: value for name, value in vars(holder).items() if isinstance(value, np.ndarray)}


def owner(array: Any) -> Any:
    """What keeps the memory of an array: the end of its chain of bases."""
    base = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    return base


def width(task: Any) -> int:
    """The default width of a task's rows."""
    return int(task.batch(0).input_ids.shape[1])


def holders(name: str, dtype: str) -> dict[str, Any]:
    """One of everything that hands out arrays of a task."""
    task = synthgen.get(name)
    mixture = synthgen.mix({name: 1.0})
    return {
        "batch": task.batch(7, 1, dtype=dtype),
        "threads": task.batch(2 * 65536 // width(task), 2, dtype=dtype, threads=2),
        "packed": task.packed(5, 2 * width(task), 3, dtype=dtype),
        "mixture": mixture.batch(7, 4, dtype="uint16" if dtype == "uint16" else "int32"),
        "nothing": task.batch(0, 5, dtype=dtype),
        "no windows": task.packed(0, width(task), 6, dtype=dtype),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TASKS)
def test_arrays_are_read_only_views_of_aligned_memory_that_the_core_owns(name: str, dtype: str) -> None:
    for kind, holder in holders(name, dtype).items():
        arrays = arrays_of(holder)
        assert len(arrays) >= 5
        assert str(arrays["input_ids"].dtype) == dtype
        owners = {id(owner(array)) for array in arrays.values()}
        assert len(owners) == len(arrays), f"{kind}: two arrays share an allocation"
        for label, array in arrays.items():
            story = f"{kind}.{label}"
            assert array.flags.c_contiguous, story
            assert array.flags.aligned, story
            assert not array.flags.writeable, story
            assert not array.flags.owndata, story
            assert array.ctypes.data % 64 == 0, story
            assert type(owner(array)).__module__ == "synthgen._native", story


@pytest.mark.parametrize("name", TASKS)
def test_documented_shapes_and_types(name: str) -> None:
    task = synthgen.get(name)
    batch, packed = task.batch(6), task.packed(4, 2 * width(task))
    instances, queries = int(packed.instance_offsets[-1]), int(packed.query_offsets[-1])
    wide, windows = (6, width(task)), (4, 2 * width(task))
    assert {label: (str(array.dtype), array.shape) for label, array in arrays_of(batch).items()} == {
        "input_ids": ("int32", wide),
        "loss_mask": ("uint8", wide),
        "lengths": ("int32", (6,)),
        "splits": ("uint8", (6,)),
        "parts": ("uint8", (6,)),
    }
    assert {label: (str(array.dtype), array.shape) for label, array in arrays_of(packed).items()} == {
        "input_ids": ("int32", windows),
        "loss_mask": ("uint8", windows),
        "segment_ids": ("int32", windows),
        "position_ids": ("int32", windows),
        "instance_offsets": ("int64", (5,)),
        "instance_starts": ("int32", (instances,)),
        "instance_complete": ("uint8", (instances,)),
        "instance_splits": ("uint8", (instances,)),
        "instance_parts": ("uint8", (instances,)),
        "query_offsets": ("int64", (5,)),
        "query_spans": ("int32", (queries, 3)),
        "query_complete": ("uint8", (queries,)),
    }
    for holder, shape in ((batch, wide), (packed, windows)):
        assert (str(holder.labels.dtype), holder.labels.shape) == ("int32", shape)
        assert (str(holder.answer_mask.dtype), holder.answer_mask.shape) == ("uint8", shape)
    assert (str(batch.attention_mask.dtype), batch.attention_mask.shape) == ("uint8", wide)


@pytest.mark.parametrize("name", TASKS)
def test_writing_is_refused(name: str) -> None:
    for kind, holder in holders(name, "int32").items():
        for label, array in arrays_of(holder).items():
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 1
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
            assert not array.flags.writeable, f"{kind}.{label}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TASKS)
def test_jax_on_the_cpu_takes_the_memory_as_it_is(name: str, dtype: str) -> None:
    cpu = jax.devices("cpu")[0]
    task = synthgen.get(name)
    for holder in (task.batch(64, 1, dtype=dtype), task.packed(8, 2 * width(task), 1, dtype=dtype)):
        for label, array in arrays_of(holder).items():
            if array.dtype == np.int64:  # JAX has 32-bit integers unless told otherwise, so these are converted
                continue
            there = jax.device_put(array, cpu)
            assert there.dtype == array.dtype, label
            assert there.addressable_shards[0].data.unsafe_buffer_pointer() == array.ctypes.data, label
            assert np.array_equal(np.asarray(there), array), label


@pytest.mark.parametrize("name", TASKS)
def test_a_jax_array_keeps_the_memory_alive(name: str) -> None:
    batch = synthgen.get(name).batch(64, 7)
    expected = batch.input_ids.copy()
    there = jax.device_put(batch.input_ids, jax.devices("cpu")[0])
    del batch
    gc.collect()
    others = [synthgen.get(name).batch(64, seed) for seed in range(100, 120)]  # would take the freed memory
    assert np.array_equal(np.asarray(there), expected)
    assert not any(np.array_equal(other.input_ids, expected) for other in others)


@pytest.mark.parametrize("name", TASKS)
def test_a_view_outlives_its_batch(name: str) -> None:
    task = synthgen.get(name)
    batch, packed = task.batch(40, 1), task.packed(40, width(task), 1)
    views = [batch.input_ids[3:9, ::2].T, packed.input_ids[3:9, ::2].T, packed.query_spans[2:5]]
    expected = [view.copy() for view in views]
    del batch, packed
    gc.collect()
    others = [(task.batch(40, seed), task.packed(40, width(task), seed)) for seed in range(2, 20)]
    for view, content in zip(views, expected, strict=True):
        assert np.array_equal(view, content)
    assert not any(np.array_equal(other.input_ids[3:9, ::2].T, expected[0]) for other, _ in others)


@pytest.mark.parametrize("name", TASKS)
def test_arrays_and_their_views_are_all_that_hold_a_buffer(name: str) -> None:
    for kind, holder in holders(name, "int32").items():
        for label in list(arrays_of(holder)):
            buffer = owner(getattr(holder, label))
            held = sys.getrefcount(buffer)  # the array, this variable, the argument
            view = getattr(holder, label)[:1]
            delattr(holder, label)
            assert sys.getrefcount(buffer) == held, f"{kind}.{label}: a view must hold it"
            del view
            assert sys.getrefcount(buffer) == held - 1, f"{kind}.{label}: nothing must hold it"


def peak_memory() -> int:
    """The most bytes that this process ever held."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("name", TASKS)
def test_memory_is_given_back(name: str) -> None:
    task = synthgen.get(name)

    def draw(seed: int) -> None:
        batch = task.batch(128, seed, seq_len=2**17, threads=1)  # 64 MiB of ids and 16 MiB of masks
        assert batch.input_ids.nbytes == 2**26
        assert not batch.input_ids[:, -1].any()

    draw(0)
    before = peak_memory()
    for seed in range(30):
        draw(seed)
    assert peak_memory() - before < 200 * 2**20


@pytest.mark.parametrize("name", TASKS)
def test_an_empty_batch_has_everything_but_rows(name: str) -> None:
    task = synthgen.get(name)
    batch, packed = task.batch(0), task.packed(0, width(task))
    assert len(batch) == len(packed) == len(batch.examples()) == 0
    assert batch.labels.shape == batch.answer_mask.shape == batch.attention_mask.shape == (0, width(task))
    assert packed.labels.shape == packed.answer_mask.shape == (0, width(task))
    assert packed.instance_offsets.tolist() == packed.query_offsets.tolist() == [0]
    assert packed.query_spans.shape == (0, 3)
    with pytest.raises(IndexError):
        batch.text(0)
    with pytest.raises(IndexError):
        packed.instance(0, 0)


def test_importing_and_drawing_load_nothing_heavy() -> None:
    draw = "; ".join(f"synthgen.{name}.batch(2).example(0)" for name in TASKS)
    script = f"import sys, synthgen, synthgen.cli; {draw}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    assert {"synthgen", "numpy"} <= loaded
    assert not loaded & HEAVY
