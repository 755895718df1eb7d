"""Capo in the manner of the Hugging Face generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import people
from ..._task import Task
from ...batch import Verdict
from ...checks import integer, switch
from ...errors import SynthgenError, param_error
from ...vocab import BOS, EOS
from ..names import Generators, hf_dataset, own_seed, seed_from, views
from .form import SEED, Form, Row, answer_mask, labelled

if TYPE_CHECKING:
    import datasets


class Capo(Form):
    """Rows of Capo at a configuration."""

    task = "capo"
    facts = (
        "first_name",
        "middle_name",
        "last_name",
        "birthcity",
        "university",
        "field",
        "company1name",
        "company1city",
        "birthmonth",
        "birthday",
        "birthyear",
    )

    def _params(self) -> dict[str, Any]:
        order = integer(self.task, "order", self.settings["order"], 0, 1)
        integer(self.task, "exposures", self.settings["exposures"], 1, 2**31)
        switch(self.task, "tokenize", self.settings["tokenize"])
        return {"permute": "none", "city_first": order == 0} | super()._params()

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {}

    @property
    def size(self) -> int:
        """Rows until everybody has been told about as often as asked."""
        return int(self.resolved["num_people"] * self.settings["exposures"])

    def rows(self, n: int, seed: int) -> list[Row]:
        """The first n rows of a seed; no more than the exposures allow."""
        if integer(self.task, "num_examples", n, 0, 2**31) > self.size:
            allowed = f"allowed: at most num_people * exposures = {self.size}; raise one of them"
            raise param_error(self.task, "num_examples", n, allowed)
        return super().rows(n, seed)

    def example(self, rng: Generators) -> Row:
        """One row of the set of the usual seed."""
        at = seed_from(self.task, rng) % self.size
        return self._row(views(self.task, 1, SEED, self.params, start=at)[0])

    def _row(self, view: Mapping[str, Any]) -> Row:
        text, facts = view["text"], view["metadata"]
        row = {"text": text, **{name: facts[name] for name in ("person_id", "exposure_idx", *self.facts)}}
        if not self.settings["tokenize"]:
            return row
        # Names of attributes, in the order in which they are told.
        spans = [facts["spans"][attribute][0]["chars"] for attribute in facts["order"]]
        return {**row, **_bytes(text, spans)}

    def _names(self, view: Mapping[str, Any]) -> list[str]:
        return []

    def verdict(self, row: Mapping[str, Any]) -> Verdict:
        """Check a row: its facts are those of its person, and its text says them."""
        told = self.is_told(row)
        return Verdict(told, None if told else "the facts or the text are not those of the person")

    def is_told(self, row: Any) -> bool:
        """Check a row: a person of this world, the right facts, and a text that says them."""
        if not isinstance(row, Mapping):
            return False
        vocab = Task(self.task).vocab
        try:
            person = integer(self.task, "person_id", row.get("person_id"), 0, self.resolved["num_people"] - 1)
            integer(self.task, "exposure_idx", row.get("exposure_idx"), 0, self.settings["exposures"] - 1)
            ids = [BOS, *vocab.encode(row.get("text", "")), EOS]
        except SynthgenError:
            return False
        known = people.table(1, self.resolved["people_seed"], person)
        facts = {name: known[name][0] for name in self.facts}
        name = " ".join(facts[part] for part in self.facts[:3])
        if facts != {name: row.get(name) for name in self.facts} or vocab.decode(ids[1:4]).strip() != name:
            return False
        if not Task(self.task).validate(ids, None, difficulty=None, params=self.params).ok:
            return False
        if "input_ids" not in row:
            return True
        date = (facts["birthmonth"], facts["birthday"], facts["birthyear"])
        told = ["{1} of {0}, {2}" if self.resolved["reverse_md"] else "{0} {1}, {2}"]
        told = [told[0].format(*date), facts["birthcity"], facts["university"], facts["field"]]
        employer = [facts["company1city"], facts["company1name"]]
        told += employer if self.resolved["city_first"] else employer[::-1]
        spans, at = [], 0
        for value in told:
            at = row["text"].index(value, at)
            spans.append([at, at + len(value)])
            at += len(value)
        return all(row.get(name) == value for name, value in _bytes(row["text"], spans).items())


def _bytes(text: str, spans: list[list[int]]) -> Row:
    """A text as bytes, all of them predicted."""
    ids = list(text.encode())
    return {**labelled(ids, [1] * len(ids)), "answer_mask": answer_mask(len(ids), spans), "answer_spans": spans}


def generate_capo_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Capo row: text, who it is about, all facts, and unless `tokenize` is False the text's bytes with their masks.

    It is a row of the set that `make_capo_hf_dataset` makes from the same configuration and its usual seed, so that a
    person's facts, and the words of an exposure, are the same whenever they come up.
    """
    return Capo(config).example(rng)


def validate_capo_example(row: Any, config: Mapping[str, Any] | None = None) -> bool:
    """Check a Capo row: its facts are those of its person, and its text says them.

    Without a configuration, any number of people and either order of sentences and of dates will do.
    """
    if config is not None:
        return Capo(config).is_told(row)
    anybody = {"num_people": people.MAX_PEOPLE, "exposures": 2**31}
    layouts = ({"order": order, "reverse_md": swapped} for order in (0, 1) for swapped in (False, True))
    return any(Capo(anybody | layout).is_told(row) for layout in layouts)


def make_capo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Capo rows as a datasets.Dataset: everybody once, in an order of its own, then everybody again in other words.

    The people do not depend on the seed but on `people_seed`, which the configuration may hold.
    """
    return hf_dataset(Capo(config).rows(num_examples, own_seed("capo", seed)))
