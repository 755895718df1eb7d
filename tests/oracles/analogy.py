"""Oracle for Analogy: pairs of words, separated by commas; the last is the question."""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.fewshot import RowError, check_mask, is_train, judge_shown, text_of

SALT = 0x616E616C00000370
ANIMAL_LIST = """
    dog:puppy cat:kitten cow:calf horse:foal sheep:lamb pig:piglet hen:chick duck:duckling goat:kid bear:cub
    deer:fawn frog:tadpole goose:gosling butterfly:caterpillar wolf:pup rabbit:kit kangaroo:joey swan:cygnet
    owl:owlet lion:cub elephant:calf eagle:eaglet donkey:foal bee:larva whale:calf tiger:cub seal:pup
    turtle:hatchling fox:kit zebra:foal turkey:poult fish:fry penguin:chick koala:joey hare:leveret
    spider:spiderling pigeon:squab hedgehog:hoglet crocodile:hatchling beaver:kit bat:pup llama:cria alpaca:cria
    dragonfly:nymph grasshopper:nymph fly:maggot eel:elver platypus:puggle echidna:puggle puffin:puffling
    salmon:parr hawk:eyas oyster:spat mosquito:wriggler cod:codling jellyfish:ephyra
"""
WORD_LIST = """
    apple anchor basket bell book bottle bread bridge brush button candle carpet castle chair clock cloud coin
    cotton cup desk door drum engine feather fence flag flute forest garden glass hammer harbor island jacket
    kettle ladder lamp letter lemon meadow mirror moon needle orange paper pencil pepper piano pillow plate
    pocket river road rope salt shelf silver spoon stone table tower train valley window
"""
YOUNG = dict(pair.split(":") for pair in ANIMAL_LIST.split())
ANIMALS = list(YOUNG)
WORDS = WORD_LIST.split()


def read(text: str) -> list[tuple[str, str]]:
    """Take a row apart: its pairs of words, the question with its answer last."""
    if not re.fullmatch(r"[a-z]+:[a-z]+(, [a-z]+:[a-z]+)*", text, re.ASCII):
        raise RowError("not pairs of words")
    return [(first, second) for first, _, second in (item.partition(":") for item in text.split(", "))]


def judge_animals(pairs: list[tuple[str, str]], params: Mapping[str, Any]) -> None:
    """Raise RowError unless all are animals of the list with their young, the last not among the others."""
    known = ANIMALS[: params["num_animals"]]
    for animal, young in pairs:
        if animal not in known or YOUNG[animal] != young:
            raise RowError(f"{animal}:{young} is not on the list")
    animals = [animal for animal, _ in pairs]
    judge_shown(animals, [ANIMALS.index(animal) for animal in animals], SALT, params["num_examples"])


def fact(word: str, partner: str) -> int:
    """Number a pair of words, above all animals."""
    return 2**16 + 256 * WORDS.index(word) + WORDS.index(partner)


def judge_words(pairs: list[tuple[str, str]], params: Mapping[str, Any]) -> None:
    """Raise RowError unless no word is shown twice and the last pair repeats one that is shown."""
    *shown, asked = pairs
    words = [word for pair in shown for word in pair]
    if not set(words) <= set(WORDS[: params["num_words"]]):
        raise RowError("a word is not on the list")
    if len(set(words)) != len(words):
        raise RowError("a word is shown twice")
    if len(shown) != params["num_examples"]:
        raise RowError(f"{len(shown)} pairs")
    if asked not in shown:
        raise RowError("the answer is not what was shown")
    if not all(pair == asked or is_train(SALT, fact(*pair)) for pair in shown):
        raise RowError("a pair that is not asked about is not of the train split")


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        text = text_of(ids, pieces)
        pairs = read(text)
        (judge_animals if params["variant"] == "knowledge" else judge_words)(pairs, params)
        if mask is not None:
            check_mask(ids, mask, text, pairs[-1][1])
    except RowError as problem:
        return str(problem)
    return None


def solve(text: str) -> str:
    """Say what the last word's partner was, or what an animal's young are called."""
    *shown, asked = text.split(", ")
    partners = dict(pair.split(":", 1) for pair in shown if ":" in pair)
    known = partners | {animal: young for animal, young in YOUNG.items() if animal not in partners}
    if not asked.endswith(":") or asked[:-1] not in known:
        raise ValueError(f"not an Analogy prompt: {text!r}")
    return known[asked[:-1]]


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the pair asked about."""
    return read(text_of(ids, pieces))[-1]
