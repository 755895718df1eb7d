"""A batch and its views stay one thing: whatever happens to the arguments, whichever way it is asked for."""

import pickle

import numpy as np
import pytest
import synthgen


def test_changing_a_list_afterwards_changes_no_view() -> None:
    hops = [1, 2]
    batch = synthgen.depo.batch(4, k_set=hops, n_max=6)
    source = synthgen.depo.source(0, 4, k_set=hops, n_max=6)
    before = [row["input_ids"].tolist() for row in source.rows(0, 4)]
    hops.append(8)
    for i in range(4):
        assert synthgen.depo.vocab.decode(batch.input_ids[i]) == batch.text(i)
        assert source[i]["input_ids"].tolist() == before[i]


def test_batches_and_windows_pickle() -> None:
    batch = synthgen.dyna.batch(3, 5)
    again = pickle.loads(pickle.dumps(batch))
    assert np.array_equal(again.input_ids, batch.input_ids)
    assert again.examples() == batch.examples()
    windows = synthgen.mix({"dyna": 1, "depo": 1}).packed(2, 2048, 1)
    assert pickle.loads(pickle.dumps(windows)).instance(1, 0) == windows.instance(1, 0)


@pytest.mark.parametrize("split", [None, "train", "validation", "test"])
def test_narrow_rows_are_found_in_every_split(split: synthgen.Split | None) -> None:
    batch = synthgen.depo.batch(300, seq_len=32, overflow="redraw", split=split)
    assert int(batch.lengths.max()) <= 32
    for i in (0, 299):
        assert synthgen.depo.vocab.decode(batch.input_ids[i]) == batch.text(i)


def test_a_level_changed_in_any_parameter_is_no_level() -> None:
    exact = synthgen.dyna.example(0, difficulty=1)
    assert (exact["difficulty"], exact["sample_id"]) == (1, "dyna_1_0")
    changed = synthgen.dyna.example(0, difficulty=1, num_queries=1)
    assert changed["difficulty"] is None
    assert changed["sample_id"].startswith("dyna_p")


def test_instances_of_windows_have_ids_of_their_own() -> None:
    windows = synthgen.dyna.packed(2, 512)
    ids = [windows.instance(r, j)["sample_id"] for r in range(2) for j in range(3)]
    assert len({*ids, synthgen.dyna.example(0)["sample_id"], synthgen.dyna.example(1)["sample_id"]}) == 8


def test_only_the_first_instance_of_a_window_must_fit() -> None:
    windows = synthgen.depo.packed(60, 256, overflow="redraw")
    first = windows.instance_offsets[:-1]
    assert windows.instance_complete[first].all()
    later = np.delete(windows.instance_complete, first)
    assert 0 < later.sum() < len(later)


def test_parameters_that_the_draw_does_not_consult_change_no_row() -> None:
    plain = synthgen.depo.batch(5, n_max=9).input_ids
    assert np.array_equal(plain, synthgen.depo.batch(5, n_max=9, allow_wrap=True).input_ids)
    asked = synthgen.depo.batch(5, n_max=9, fixed_k=2).input_ids
    assert np.array_equal(asked, synthgen.depo.batch(5, n_max=9, fixed_k=2, k_max=100).input_ids)
    names = [synthgen.dyna.batch(5, symbolic_names=symbolic).metadata(3)["operations"] for symbolic in (True, False)]
    assert names[0] == names[1]
