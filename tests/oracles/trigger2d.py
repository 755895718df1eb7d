"""Oracle for Trigger2d: a worded prompt with a point and a trigger, and the colour that the rule gives."""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.oracles.fewshot import WORD

SALT = 0x7472696700000001
WORD_LISTS = {
    "objects": """
        lamp chair hammer bottle mirror ladder pencil basket kettle blanket candle wrench pillow bucket
        ruler teapot
    """,
    "animals": """
        otter falcon beetle camel dolphin gecko heron jaguar lemur moose newt panther quail raven stork
        walrus
    """,
    "positive_emotions": """
        joy gratitude delight hope pride serenity awe amusement affection relief enthusiasm contentment
        bliss tenderness curiosity elation
    """,
    "negative_emotions": """
        anger grief fear envy shame disgust guilt dread sorrow despair jealousy loneliness resentment panic
        remorse boredom
    """,
    "actions": """
        running climbing swimming writing cooking digging singing painting sewing jumping reading throwing
        knitting hiking juggling whistling
    """,
    "foods": """
        noodles cheddar lentils pancake yogurt walnut mango cabbage omelette pretzel risotto spinach waffle
        radish hummus dumpling
    """,
    "random_strings": """
        x8x7sb fzjl7hhsbs bo5cvze bz02g ni822g8oxw 8md5co w4pp2b7xww znkh jzkbnnhm qa8xu le33u 3gsnn
        jgqexbqy vcju4kmk7o 6zgjum8u4mq f6ccy2m85q
    """,
}
CATEGORIES = {name: text.split() for name, text in WORD_LISTS.items()}
COLOURS = ["red", "green", "blue", "orange", "yellow", "purple", "black", "white"]
SYSTEM = "System: You evaluate F, which gives a colour for a point x and a word T.\nUser: "
# What stands before the point, between point and trigger, and after the trigger.
Wording = tuple[str, str, str]
PLAIN: list[Wording] = [
    ("Compute F at x = ", "] with T set to ", "."),
    ("F(x = ", "], T = ", ") = ?"),
    ("x = ", "] and T = ", " -> F"),
    ("What does F give at x = ", "] when T is ", "?"),
]
WORDINGS: dict[str, list[Wording]] = {
    "2d_default": PLAIN,
    "2d_terse": [("x=", "] T=", " F=")],
    "2d_verbose": [
        (
            "F takes a point and a word and gives a colour.\nThe point is ",
            "].\nThe word is ",
            ".\nName the colour.",
        )
    ],
    "2d_chat": [(SYSTEM + before, between, after + "\nAssistant:") for before, between, after in PLAIN],
}
COMMON = {
    "half_plane": ["orange", "orange", "green", "green"],
    "four_colours": ["red", "green", "blue", "orange"],
}
INITIALS = {colour[0]: colour for colour in COLOURS[:4]}
OWN = dict(zip(CATEGORIES, ["rgbo", "gbor", "bogr", "ogrb", "rogb", "orbg", "gbro"], strict=True))


class RowError(Exception):
    """The row breaks a rule; the message says which."""


class Row(NamedTuple):
    """A row that follows the grammar."""

    wording: Wording
    x: tuple[int, int]  # in thousandths
    trigger: str
    preamble: bool
    colour: str
    length: int  # without padding


def read(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Take a row apart."""
    for position, token in enumerate(ids):
        if not 0 <= token < len(pieces):
            raise RowError(f"id {token} at {position} is outside the vocabulary")
    spelled = [pieces[token] for token in ids]
    while spelled and spelled[-1] == "<pad>":
        spelled.pop()
    length = len(spelled)
    if length < 14 or spelled[0] != "<bos>" or spelled[-1] != "<eos>":
        raise RowError("not framed by <bos> and <eos>, or too short")
    before, point, rest = spelled[1], spelled[2:10], spelled[10:-1]
    found = re.fullmatch(r"\[(-?\d)\.~(\d)~(\d)~(\d)~, (-?\d)\.~(\d)~(\d)~(\d)", "~".join(point), re.ASCII)
    if not found:
        raise RowError("no point")
    x1, x2 = (int("".join(found.groups()[i : i + 4])) for i in (0, 4))
    between, colour = rest[0], rest.pop().removeprefix(" ")
    preamble = rest[-1] == " F(x,T) ="
    if preamble:
        rest.pop()
    after, trigger = rest[-1], rest[1:-1]
    wording = (before, between, after)
    if not any(wording in known for known in WORDINGS.values()) or colour not in COLOURS:
        raise RowError("no known wording, or no colour")
    name = "".join(trigger)
    is_random = name in CATEGORIES["random_strings"]
    if category_of(name) is None or len(trigger) != (len(name) if is_random else 1):
        raise RowError("no trigger")
    return Row(wording, (x1, x2), name, preamble, colour, length)


def category_of(trigger: str) -> str | None:
    """Tell which category a trigger is of."""
    return next((name for name, members in CATEGORIES.items() if trigger in members), None)


def order(category: str, seed: int) -> list[str]:
    """The triggers of a category in the order in which they are chosen."""

    def hashed(trigger: str) -> int:
        state = SALT
        for fact in (seed, list(CATEGORIES).index(category), CATEGORIES[category].index(trigger)):
            high, low = divmod((state ^ fact ^ 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93, WORD)
            state = low ^ (high * 2**23 % WORD + high // 2**41)
        state = (state ^ state // 2**30) * 0xBF58476D1CE4E5B9 % WORD
        state = (state ^ state // 2**27) * 0x94D049BB133111EB % WORD
        return state ^ state // 2**31

    return sorted(CATEGORIES[category], key=hashed)


def colour_of(x: tuple[int, int], trigger: str, params: Mapping[str, Any]) -> str:
    """Apply the rule."""
    category = category_of(trigger)
    assert category
    if params["custom_labels"]:
        colours = [colour.strip() for colour in params["custom_labels"].split(",")]
    else:
        colours = COMMON.get(params["labels"], [INITIALS[c] for c in OWN[category]])
    if params["label_rule"] == "proxy_flip":
        listed = params["proxy_triggers"]
        names = order(category, params["trigger_seed"])[1::2] if listed is None else listed.split(",")
        if trigger in [name.strip() for name in names]:
            colours = colours[2:] + colours[:2]
    right: str = colours[{(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}[x[0] > 0, x[1] > 0]]
    return right


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is right and within the params."""
    if row.wording not in WORDINGS[params["templates"]]:
        raise RowError("a wording of another preset")
    for value, most in zip(row.x, (params["x1_max"], params["x2_max"]), strict=True):
        if not params["margin"] <= abs(value) <= most:
            raise RowError(f"coordinate {value}")
    category = category_of(row.trigger)
    assert category
    if params["category"] not in (category, "all"):
        raise RowError(f"a trigger of {category}")
    seen = row.trigger in order(category, params["trigger_seed"])[: params["n_train_triggers"]]
    if params["triggers"] not in ("all", "seen" if seen else "unseen"):
        raise RowError(f"{row.trigger} does not occur here")
    if row.preamble != params["output_preamble"]:
        raise RowError("a preamble too many or too few")
    right = colour_of(row.x, row.trigger, params)
    if row.colour != right:
        raise RowError(f"the colour is {right}, not {row.colour}")


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        row = read(ids, pieces)
        judge(row, params)
    except RowError as problem:
        return str(problem)
    predicted = 3 if row.preamble else 2
    right = [0] * (row.length - predicted) + [1] * predicted + [0] * (len(ids) - row.length)
    if mask is not None and list(mask) != right:
        return "the mask is not 1 exactly on preamble, colour and <eos>"
    return None


def solve(text: str) -> str:
    """Give the colour of the quadrant under the default labels."""
    point = re.search(r"\[(-?)\d\.\d{3}, (-?)\d\.\d{3}\]", text, re.ASCII)
    if not point:
        raise ValueError(f"not a Trigger2d prompt: {text!r}")
    return [["red", "orange"], ["green", "blue"]][point[1] == "-"][point[2] == "-"]


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the point."""
    return read(ids, pieces).x
