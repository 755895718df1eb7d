"""Mano as users of the Hugging Face generators know it: rows and fields."""

from random import Random
from typing import Any

from hypothesis import strategies as st
from synthgen import compat

from tests.compat_rows import check_answers
from tests.public_cases import law


def expressions() -> Any:
    """Give configurations of Mano, some fields left at their defaults."""
    choices = {
        "ttype": st.sampled_from(["a", "s", "m", "am", "ma", "asm", "msa", "asmd"]),
        "knowledge_augment": st.booleans(),
        "bos_token_id": st.sampled_from([0, 9999, 8000]),
        "qa": st.booleans(),
    }
    mod = st.sampled_from([23, 31, 97])
    return st.fixed_dictionaries({"L": st.integers(1, 12)}, optional=choices | {"value_mod": mod})


def value(symbols: list[int], mod: int) -> int:
    """Evaluate a prefix expression, used up from its front."""
    head = symbols.pop(0)
    if head >= 5000:
        assert head < 5000 + mod
        return head - 5000
    a = value(symbols, mod)
    b = value(symbols, mod)
    return [a + b, a - b, a * b, a * pow(b, -1, mod) if b else 0][(head - 1) % 4] % mod


@law(expressions(), st.integers(0, 2**32), st.data(), examples=60)
def test_mano_rows(config: dict[str, Any], seed: int, data: Any) -> None:
    c = compat.DEFAULTS["mano"] | config
    row = compat.generate_mano_example(Random(seed), config)
    assert row == compat.generate_mano_example(Random(seed), config)
    assert list(row) == ["input_ids", "loss_mask", "labels", "length", "qid", "answer_mask", "answer_spans"]
    ids, length = row["input_ids"], row["length"]
    assert row["loss_mask"] == [1] * len(ids)
    assert len(ids) == 2 * length + 5
    assert row["qid"] == length
    assert length == c["L"] if c.get("qa") else 1 <= length <= c["L"]
    assert ids[0] == c["bos_token_id"]
    synonyms = {0, 1} if c["knowledge_augment"] else {0}
    assert ids[1] - 10 * length in synonyms
    assert ids[-2] - 10 * length - 4 in synonyms
    operations = {"asmd"[(id_ - 1) % 4] for id_ in ids[2:-2] if id_ < 5000}
    assert operations <= set(c["ttype"])
    symbols = ids[2:-2]
    assert check_answers(row) == [[5000 + value(symbols, c["value_mod"])]]
    assert symbols == []
    assert compat.validate_mano_example(ids, config)
    for other in (c["bos_token_id"] + 1, ids[1], -2):
        assert not compat.validate_mano_example([other, *ids[1:]], config)
    # The original writes its start as one of two synonyms.
    assert compat.validate_mano_example([ids[0] - 1, *ids[1:]], config) is (c["knowledge_augment"] and ids[0] > 0)
    at = data.draw(st.integers(0, len(ids) - 1))
    last = 5000 + (ids[-1] - 4999) % c["value_mod"]
    for wrong in (
        ids[:at] + ids[at + 1 :],
        ids[:at],
        [*ids[:-1], last],
        [*ids, 2],
        [float(id_) for id_ in ids],
        None,
        [ids],
    ):
        assert compat.validate_mano_example(wrong, config) is False
    for bad in (5000 + c["value_mod"], 9, 0 if c["bos_token_id"] else 99999):
        where = data.draw(st.integers(1, len(ids) - 1))
        if ids[where] != bad:
            assert compat.validate_mano_example([*ids[:where], bad, *ids[where + 1 :]], config) is False
