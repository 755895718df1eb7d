"""Plain-Python Analogy: pairs of words, then the first word of one, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

from benches.plain.fewshot import is_train, row, words

SALT = 0x616E616C00000370
ANIMALS = words("""
    dog:puppy cat:kitten cow:calf horse:foal sheep:lamb pig:piglet hen:chick duck:duckling goat:kid bear:cub
    deer:fawn frog:tadpole goose:gosling butterfly:caterpillar wolf:pup rabbit:kit kangaroo:joey swan:cygnet
    owl:owlet lion:cub elephant:calf eagle:eaglet donkey:foal bee:larva whale:calf tiger:cub seal:pup
    turtle:hatchling fox:kit zebra:foal turkey:poult fish:fry penguin:chick koala:joey hare:leveret
    spider:spiderling pigeon:squab hedgehog:hoglet crocodile:hatchling beaver:kit bat:pup llama:cria alpaca:cria
    dragonfly:nymph grasshopper:nymph fly:maggot eel:elver platypus:puggle echidna:puggle puffin:puffling
    salmon:parr hawk:eyas oyster:spat mosquito:wriggler cod:codling jellyfish:ephyra
""")
WORDS = words("""
    apple anchor basket bell book bottle bread bridge brush button candle carpet castle chair clock cloud coin
    cotton cup desk door drum engine feather fence flag flute forest garden glass hammer harbor island jacket
    kettle ladder lamp letter lemon meadow mirror moon needle orange paper pencil pepper piano pillow plate
    pocket river road rope salt shelf silver spoon stone table tower train valley window
""")


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The animals of the train split are worth knowing ahead of the loop."""
    return {**params, "train": [i for i in range(params["num_animals"]) if is_train(SALT, i)]}


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    count = params["num_examples"]
    if params["variant"] == "knowledge":
        query = rng.randrange(params["num_animals"])
        shown = [i for i in rng.sample(params["train"], count + 1) if i != query][:count]
        animal, young = ANIMALS[query].split(":")
        return row(f"{''.join(f'{ANIMALS[i]}, ' for i in shown)}{animal}:", young)

    words = range(params["num_words"])
    word, partner = rng.sample(words, 2)
    used = {word, partner}
    pairs: list[str] = []
    while len(pairs) + 1 < count:
        a, b = rng.sample(words, 2)
        if a not in used and b not in used and is_train(SALT, 1 << 16 | a << 8 | b):
            used |= {a, b}
            pairs.append(f"{WORDS[a]}:{WORDS[b]}, ")
    pairs.insert(rng.randrange(count), f"{WORDS[word]}:{WORDS[partner]}, ")
    return row(f"{''.join(pairs)}{WORDS[word]}:", WORDS[partner])
