"""The five tasks of Physics of Language Models in the manner of the Hugging Face generators.

Rows are in the reference's token ids, which a configuration may replace. A configuration may also name any parameter of
the task by our name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .. import people
from .._task import Task, generator
from ..batch import IGNORED
from ..checks import integer, one_dimensional, switch
from ..errors import ParamError, SynthgenError, param_error
from ..registry import tasks
from ..vocab import BOS, EOS
from .names import SEED_NAMES, Generators, filled, hf_dataset, our_params, own_seed, said_as, seed_from, views

if TYPE_CHECKING:
    import datasets

Row = dict[str, Any]

DEFAULTS: dict[str, dict[str, Any]] = {
    "depo": {
        "N": 225,
        "K": 8,
        "M": 10,
        "qa": False,
        "separator": False,
        "mini_vocab": 50,
        "min_tlen": 1,
        "max_tlen": 2,
        "fixed_k": None,
        "bos_token_id": 0,
        "separator_token_id": 9700,
        "query_token_base": 9000,
        "answer_token_id": 9500,
    },
    "brevo": {
        "N": 70,
        "multi": False,
        "qa": False,
        "max_in": 4,
        "bos_token_id": 9999,
        "eos_token_id": 9998,
        "query_token_id": 9997,
        "answer_token_id": 9998,
    },
    "mano": {"L": 10, "ttype": "asm", "value_mod": 23, "knowledge_augment": True, "bos_token_id": 9999},
    "capo": {"num_people": 50_000, "exposures": 100, "reverse_md": False, "order": 0, "tokenize": True},
    "lano": {"config_name": "cfg3f", "config_path": None},
}
"""The configurations of the original inspector, and Capo's `tokenize`."""

DEPO_DEFAULTS = DEFAULTS["depo"]

_LARGEST_ID = 2**31 - 129

SEED = 42
"""The seed that the originals use."""


class _Form:
    """A task at a configuration: its parameters in our names, and the caller's ids."""

    task: ClassVar[str]

    def __init__(self, config: Mapping[str, Any]) -> None:
        defaults = DEFAULTS[self.task]
        ours = [param.name for param in tasks()[self.task].params]
        self.given = config
        self.settings = filled(self.task, defaults, config, ours)
        for theirs, our in SEED_NAMES.items():
            if theirs in config and our in config:
                raise param_error(self.task, our, config[our], f"allowed: only one of {theirs} and {our}")
        self.names = {SEED_NAMES.get(name, name): name for name in self.settings}
        self.params = self._params()
        with said_as(self.names):
            native = generator(self.task, self.params, None)
        self.resolved: dict[str, Any] = json.loads(native.params)
        self.ids = self._ids(native.compat_ids or [])
        self.back = {wanted: own for own, wanted in self.ids.items() if own != EOS}
        if EOS in self.ids:
            self.back.setdefault(self.ids[EOS], EOS)

    def _params(self) -> dict[str, Any]:
        return our_params(self.task, self.settings, DEFAULTS[self.task])

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        """Fields that are ids: those of ours that each decides, and their distance from it."""
        raise NotImplementedError

    def _ids(self, table: list[int]) -> dict[int, int]:
        """The caller's id of each of ours that has one; `table` holds the reference's."""
        reference = {own: id_ for own, id_ in enumerate(table) if id_}
        own_of = {id_: own for own, id_ in reference.items() if own != EOS}
        special = self._special(own_of)
        for field, distances in special.items():
            first = integer(self.task, field, self.settings[field], 0, _LARGEST_ID)
            reference |= {own: first + distance for own, distance in distances.items()}
        # What the configuration itself says is at fault before what it leaves at its default.
        for field, distances in sorted(special.items(), key=lambda item: item[0] not in self.given):
            mine = {reference[own] for own in distances}
            others = {id_ for own, id_ in reference.items() if own not in distances}
            clash = mine & (others - self._shared(field))
            if clash or (0 in mine and field != "bos_token_id"):
                standing = f"{min(clash)} stands for something else" if clash else "0 is for bos_token_id alone"
                allowed = f"allowed: an integer in 0..={_LARGEST_ID} that nothing else has; {standing}"
                raise param_error(self.task, field, self.settings[field], allowed)
        return reference

    def _shared(self, field: str) -> set[int]:
        """Ids that this field may have in common with others."""
        del field
        return set()

    def _own(self, input_ids: Any) -> list[int] | None:
        """Our ids of a row; what the caller's ids do not have becomes -1, and what is no row None."""
        try:
            ids = one_dimensional(self.task, "input_ids", input_ids).tolist()
        except ParamError:
            return None
        own = [self.back.get(id_, -1) for id_ in ids]
        if ids and ids[-1] == self.ids.get(EOS):
            own[-1] = EOS
        return own

    def is_valid(self, input_ids: Any) -> bool:
        own = self._own(input_ids)
        if own is None:
            return False
        return bool(Task(self.task).validate(own, None, difficulty=None, params=self.params).ok)

    def rows(self, n: int, seed: int) -> list[Row]:
        return [self._row(view) for view in views(self.task, n, seed, self.params)]

    def example(self, rng: Generators) -> Row:
        return self.rows(1, seed_from(self.task, rng))[0]

    def _row(self, view: Mapping[str, Any]) -> Row:
        """Tokens, the original's further fields, and ours."""
        raise NotImplementedError

    def _tokens(self, view: Mapping[str, Any]) -> Row:
        return _labelled([self.ids[own] for own in view["input_ids"]], view["loss_mask"])

    def _answers(self, view: Mapping[str, Any]) -> Row:
        """Where the answers are, without markers."""
        spans = [[query["answer_start"], query["answer_end"]] for query in view["queries"]]
        return {"answer_mask": _mask(len(view["input_ids"]), spans), "answer_spans": spans}


def _mask(length: int, spans: list[list[int]]) -> list[int]:
    mask = [0] * length
    for start, end in spans:
        mask[start:end] = [1] * (end - start)
    return mask


def _labelled(ids: list[int], mask: list[int]) -> Row:
    labels = [id_ if predicted else IGNORED for id_, predicted in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "loss_mask": mask, "labels": labels}


class _Depo(_Form):
    task = "depo"

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {
            "bos_token_id": {BOS: 0},
            "answer_token_id": {own_of[9500]: 0},
            "separator_token_id": {own_of[9700]: 0},
            "query_token_base": {own_of[9000 + k]: k for k in range(1, 129)},
        }

    def _row(self, view: Mapping[str, Any]) -> Row:
        facts = view["metadata"]
        return {
            **self._tokens(view),
            "n": facts["n"],
            "query_count": facts["query_count"],
            "K": self.resolved["k_max"],
            "mini_vocab": facts["mini_vocab"],
            **self._answers(view),
            "query_hops": facts["hops"],
        }


class _Brevo(_Form):
    task = "brevo"

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {
            "bos_token_id": {BOS: 0},
            "query_token_id": {own_of[9997]: 0},
            "answer_token_id": {own_of[9998]: 0},
            "eos_token_id": {EOS: 0},
        }

    def _shared(self, field: str) -> set[int]:
        # One id for the answer marker and the end, as in the reference: the end is the last.
        partner = {"answer_token_id": "eos_token_id", "eos_token_id": "answer_token_id"}.get(field)
        return {self.settings[partner]} if partner else set()

    def _ends_name(self, id_: int) -> bool:
        """Does this token end the name of a vertex?"""
        values = self.resolved["mini_vocab"]
        return not self.resolved["multi"] or values < id_ <= 2 * values

    def _row(self, view: Mapping[str, Any]) -> Row:
        row, answers, depth = self._tokens(view), self._answers(view), view["metadata"]["depth"]
        ids, kinds = row["input_ids"], [0] * len(row["input_ids"])
        kinds[:2] = [-1, -2 - depth]
        for at in range(answers["answer_spans"][0][0], len(ids)):
            kinds[at] = min(depth, 9) + 1
            if self._ends_name(ids[at]):
                break
        return {
            "input_ids": ids,
            "token_type": kinds,
            "loss_mask": row["loss_mask"],
            "labels": row["labels"],
            "n": view["metadata"]["n"],
            "depth": depth,
            "multi": self.resolved["multi"],
            **answers,
        }

    def passes_reference(self, input_ids: Any) -> bool:
        """Check by the reference's laxer rules."""
        try:
            ids = one_dimensional(self.task, "input_ids", input_ids).tolist()
        except ParamError:
            return False
        names = ("bos_token_id", "eos_token_id", "query_token_id", "answer_token_id")
        bos, eos, query, answer = (self.settings[name] for name in names)
        if not {query, answer} <= set(ids) or ids[0] != bos or ids[-1] != eos:
            return False
        at, marker = ids.index(query), ids.index(answer)
        edges, rest = self._words(ids[1:at])
        asked = self._words(ids[at + 1 : marker] if self.resolved["multi"] else ids[at + 1 : at + 2])
        listed, _ = self._words(ids[marker + 1 : -1])
        if rest or len(edges) % 2 or asked[1] or len(asked[0]) != 1:
            return False
        needs: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for first, then in zip(edges[::2], edges[1::2], strict=True):
            needs.setdefault(then, []).append(first)
        wanted, open_ = set(asked[0]), list(asked[0])
        while open_:
            new = set(needs.get(open_.pop(), ())) - wanted
            wanted |= new
            open_ += new
        seen: set[tuple[int, ...]] = set()
        for vertex in listed:
            if not seen.issuperset(needs.get(vertex, ())):
                return False
            seen.add(vertex)
        return seen == wanted

    def _words(self, ids: list[int]) -> tuple[list[tuple[int, ...]], list[int]]:
        """Names, and what is left of a last, unfinished one."""
        names, begun = [], []
        for id_ in ids:
            begun.append(id_)
            if self._ends_name(id_):
                names.append(tuple(begun))
                begun = []
        return names, begun


class _Mano(_Form):
    task = "mano"

    def _params(self) -> dict[str, Any]:
        params = super()._params()
        letters = params["operators"]
        if isinstance(letters, str) and set(letters) <= set("asmd"):
            params["operators"] = "".join(letter for letter in "asmd" if letter in letters)
        return params

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {"bos_token_id": {BOS: 0}}

    def _own(self, input_ids: Any) -> list[int] | None:
        own = super()._own(input_ids)
        # The reference writes its start, too, as one of two synonyms.
        synonym = self.ids[BOS] - 1
        if own and self.resolved["knowledge_augment"] and input_ids[0] == synonym >= 0:
            own[0] = BOS
        return own

    def _row(self, view: Mapping[str, Any]) -> Row:
        ids = [self.ids[own] for own in view["input_ids"]]
        length = view["metadata"]["length"]
        return {**_labelled(ids, [1] * len(ids)), "length": length, "qid": length, **self._answers(view)}


class _Capo(_Form):
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
        if integer(self.task, "num_examples", n, 0, 2**31) > self.size:
            allowed = f"allowed: at most num_people * exposures = {self.size}; raise one of them"
            raise param_error(self.task, "num_examples", n, allowed)
        return super().rows(n, seed)

    def example(self, rng: Generators) -> Row:
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
    return {**_labelled(ids, [1] * len(ids)), "answer_mask": _mask(len(ids), spans), "answer_spans": spans}


class _Lano(_Form):
    task = "lano"

    def _params(self) -> dict[str, Any]:
        path = self.settings["config_path"]
        if path is None:
            return super()._params()
        if not isinstance(path, str | Path):
            raise param_error(
                self.task, "config_path", path, "allowed: the path of a grammar in the reference's JSON form"
            )
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            allowed = f"allowed: the path of a grammar in the reference's JSON form; {error}"
            raise param_error(self.task, "config_path", path, allowed) from error
        # The name is a label only.
        self.names["grammar_json"] = "config_path"
        return {"grammar_json": text}

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {}

    def _own(self, input_ids: Any) -> list[int] | None:
        own = super()._own(input_ids)
        if own is None or BOS in own or EOS in own:
            return None
        return [BOS, *own, EOS]

    def _row(self, view: Mapping[str, Any]) -> Row:
        ids = [self.ids[own] for own in view["input_ids"][1:-1]]
        return {**_labelled(ids, [1] * len(ids)), "config_name": self.settings["config_name"]}


def generate_depo_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Depo row: input_ids, loss_mask, labels, n, query_count, K, mini_vocab, and where and how far the answers are.

    With `fixed_k`, n is larger, so that no walk wraps; `allow_wrap=True` lifts that.
    """
    return _Depo(config).example(rng)


def validate_depo_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check a Depo row strictly."""
    return _Depo(config).is_valid(input_ids)


def make_depo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Depo rows as a datasets.Dataset."""
    return hf_dataset(_Depo(config).rows(num_examples, own_seed("depo", seed)))


def generate_brevo_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Brevo row: input_ids, token_type, loss_mask, labels, n, depth, multi, and where the answer is."""
    return _Brevo(config).example(rng)


def validate_brevo_example(input_ids: Any, config: Mapping[str, Any], strict: bool = True) -> bool:
    """Check a Brevo row. Not `strict`, like the original: a vertex may be listed twice, a last name be unfinished."""
    form = _Brevo(config)
    return form.is_valid(input_ids) if strict else form.passes_reference(input_ids)


def make_brevo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Brevo rows as a datasets.Dataset."""
    return hf_dataset(_Brevo(config).rows(num_examples, own_seed("brevo", seed)))


def generate_mano_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Mano row: input_ids, loss_mask, labels, length, qid, and where the answer is. The mask is 1 throughout."""
    return _Mano(config).example(rng)


def validate_mano_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check a Mano row strictly."""
    return _Mano(config).is_valid(input_ids)


def make_mano_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Mano rows as a datasets.Dataset."""
    return hf_dataset(_Mano(config).rows(num_examples, own_seed("mano", seed)))


def generate_capo_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Capo row: text, who it is about, all facts, and unless `tokenize` is False the text's bytes with their masks.

    It is a row of the set that `make_capo_hf_dataset` makes from the same configuration and its usual seed, so that a
    person's facts, and the words of an exposure, are the same whenever they come up.
    """
    return _Capo(config).example(rng)


def validate_capo_example(row: Any, config: Mapping[str, Any] | None = None) -> bool:
    """Check a Capo row: its facts are those of its person, and its text says them.

    Without a configuration, any number of people and either order of sentences and of dates will do.
    """
    if config is not None:
        return _Capo(config).is_told(row)
    anybody = {"num_people": people.MAX_PEOPLE, "exposures": 2**31}
    layouts = ({"order": order, "reverse_md": swapped} for order in (0, 1) for swapped in (False, True))
    return any(_Capo(anybody | layout).is_told(row) for layout in layouts)


def make_capo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Capo rows as a datasets.Dataset: everybody once, in an order of its own, then everybody again in other words.

    The people do not depend on the seed but on `people_seed`, which the configuration may hold.
    """
    return hf_dataset(_Capo(config).rows(num_examples, own_seed("capo", seed)))


def generate_lano_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Lano row, the bare string: input_ids, loss_mask, labels, config_name. The mask is 1 throughout.

    `config_path` is a grammar in the reference's JSON form; without it, `config_name` is one of ours of that shape.
    """
    return _Lano(config).example(rng)


def validate_lano_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check that a string is one of the grammar's."""
    return _Lano(config).is_valid(input_ids)


def make_lano_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Lano strings as a datasets.Dataset."""
    return hf_dataset(_Lano(config).rows(num_examples, own_seed("lano", seed)))
