"""Plain-Python Trigger2d: a point, a trigger and the colour of its quadrant, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

from benches.plain.fewshot import MASK, words

BOS, EOS, PREAMBLE = 1, 2, 3
SALT = 0x7472696700000001
COLOURS = ["red", "green", "blue", "orange", "yellow", "purple", "black", "white"]
COLOUR = {name: 4 + i for i, name in enumerate(COLOURS)}
OPEN, MIDDLE, AFTER, FIRST, SECOND, DIGIT, LETTER, WORD = 12, 22, 28, 38, 58, 78, 88, 114
TRIGGERS = {
    "objects": words("""
        lamp chair hammer bottle mirror ladder pencil basket kettle blanket candle wrench pillow bucket
        ruler teapot
    """),
    "animals": words("""
        otter falcon beetle camel dolphin gecko heron jaguar lemur moose newt panther quail raven stork
        walrus
    """),
    "positive_emotions": words("""
        joy gratitude delight hope pride serenity awe amusement affection relief enthusiasm contentment
        bliss tenderness curiosity elation
    """),
    "negative_emotions": words("""
        anger grief fear envy shame disgust guilt dread sorrow despair jealousy loneliness resentment panic
        remorse boredom
    """),
    "actions": words("""
        running climbing swimming writing cooking digging singing painting sewing jumping reading throwing
        knitting hiking juggling whistling
    """),
    "foods": words("""
        noodles cheddar lentils pancake yogurt walnut mango cabbage omelette pretzel risotto spinach waffle
        radish hummus dumpling
    """),
    "random_strings": words("""
        x8x7sb fzjl7hhsbs bo5cvze bz02g ni822g8oxw 8md5co w4pp2b7xww znkh jzkbnnhm qa8xu le33u 3gsnn
        jgqexbqy vcju4kmk7o 6zgjum8u4mq f6ccy2m85q
    """),
}
TEMPLATES = {"2d_default": range(4), "2d_terse": range(4, 5), "2d_verbose": range(5, 6), "2d_chat": range(6, 10)}
SHARED = {"half_plane": "orange,orange,green,green", "four_colours": "red,green,blue,orange"}
OWN = [
    "red,green,blue,orange",
    "green,blue,orange,red",
    "blue,orange,green,red",
    "orange,green,red,blue",
    "red,orange,green,blue",
    "orange,red,blue,green",
    "green,blue,red,orange",
]


def place(seed: int, category: int, number: int) -> int:
    """What the triggers of a category are sorted by: the library's hash of these three."""
    state = SALT
    for fact in (seed, category, number):
        wide = (state ^ fact ^ 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93
        low, high = wide & MASK, wide >> 64
        state = low ^ ((high << 23 | high >> 41) & MASK)
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
    return state ^ state >> 31


def ids_of(category: int, number: int, name: str) -> list[int]:
    """The tokens of a trigger."""
    if category < 6:
        return [WORD + 16 * category + number]
    return [DIGIT + int(c) if c.isdigit() else LETTER + ord(c) - ord("a") for c in name]


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ahead of the loop: the triggers that may be drawn, as tokens, each with its colours."""
    drawn = []
    for category, (name, triggers) in enumerate(TRIGGERS.items()):
        if params["category"] not in (name, "all"):
            continue
        order = [number for _, number in sorted((place(params["trigger_seed"], category, i), i) for i in range(16))]
        seen = order[: params["n_train_triggers"]]
        labels = params["custom_labels"] or SHARED.get(params["labels"], OWN[category])
        q1, q2, q3, q4 = (COLOUR[colour.strip()] for colour in labels.split(","))
        for number, word in enumerate(triggers):
            if params["triggers"] != "all" and (params["triggers"] == "seen") != (number in seen):
                continue
            listed = params["proxy_triggers"]
            proxy = word in listed.split(",") if listed else order.index(number) % 2 == 1
            flipped = proxy and params["label_rule"] == "proxy_flip"
            by_quadrant = (q3, q4, q1, q2) if flipped else (q1, q2, q3, q4)
            drawn.append((ids_of(category, number, word), by_quadrant))
    return {**params, "drawn": drawn, "choices": TEMPLATES[params["templates"]]}


def number(first: int, x: int) -> list[int]:
    """The tokens of a coordinate in thousandths."""
    whole, rest = divmod(abs(x), 1000)
    return [first + whole + 10 * (x < 0), DIGIT + rest // 100, DIGIT + rest // 10 % 10, DIGIT + rest % 10]


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    x1 = rng.randint(params["margin"], params["x1_max"]) * rng.choice((-1, 1))
    x2 = rng.randint(params["margin"], params["x2_max"]) * rng.choice((-1, 1))
    trigger, by_quadrant = rng.choice(params["drawn"])
    template = rng.choice(params["choices"])
    quadrant = (0 if x1 > 0 else 1) if x2 > 0 else (2 if x1 < 0 else 3)
    ids = [BOS, OPEN + template, *number(FIRST, x1), *number(SECOND, x2)]
    ids += [MIDDLE + (template if template < 6 else template - 6), *trigger, AFTER + template]
    answer = [PREAMBLE] * params["output_preamble"] + [by_quadrant[quadrant], EOS]
    return ids + answer, [0] * len(ids) + [1] * len(answer)
