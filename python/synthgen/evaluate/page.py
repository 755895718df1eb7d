"""One HTML file that shows runs and their samples: no network, no other file, and no script in it but its own.

What models write is embedded as JSON and becomes text by `textContent` alone; a Content-Security-Policy admits the one
script and the one style sheet by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from .. import drawing
from . import charts
from .charts import COUNTED, duration, esc
from .comparison import Comparison, Paired, p_text, told
from .figures import Panel, panels
from .samples import Samples
from .store import OUTCOMES
from .summary import LEVELS, between, level_name, percent

SHADES = 10
LISTED = 500
"""Samples that are listed under a comparison; the browser has them all."""
ONCE = ("versions", "tasks", "difficulties", "synthgen")


@dataclass(frozen=True)
class Run:
    """A run on a page."""

    name: str
    directory: Path
    summary: Mapping[str, Any]


@cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def render(
    runs: Sequence[Run], samples: Samples, comparisons: Sequence[Comparison] = (), notes: Sequence[str] = ()
) -> bytes:
    """The page."""
    several = len(runs) > 1
    style, script = "\n" + _part("page.css") + _colours(), "\n" + _part("page.js")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    data = {
        "runs": [run.name for run in runs],
        "levels": LEVELS,
        "outcomes": OUTCOMES,
        "texts": samples.texts,
        "samples": samples.samples,
    }
    shown = f"All {samples.total} questions are here."
    if len(samples.samples) < samples.total:
        shown = (
            f"{len(samples.samples)} of {samples.total} questions are here, taken in turn from each task, level and "
            "outcome, so that every kind is there and rare kinds are whole; --samples asks for more of them. "
            "The figures above are of all."
        )
    title = " and ".join(run.name for run in runs) if len(runs) < 3 else f"{len(runs)} runs"
    choices = (
        '<label>of run <select id="by-run"><option value="">any</option></select></label>\n'
        '<label class="check"><input type="checkbox" id="by-differing"> only where runs differ</label>'
    )
    page = Template(_part("page.html")).substitute(
        policy=policy,
        title=esc(f"{title} - synthgen evaluation"),
        style=style,
        script=script,
        heading=esc(title),
        lead="".join(f'<p class="note">{esc(note)}</p>' for note in notes),
        main=_panels(runs, comparisons, samples) if several else _run(runs[0]),
        shown=" ".join([shown, *(esc(note) for note in samples.notes)]),
        choices=choices if several else "",
        footer=_footer(several),
        data=embedded(data),
    )
    return page.encode("utf-8", "replace")


def embedded(value: Any) -> str:
    """JSON that can stand in a page: pure ASCII, without anything that HTML takes for its own."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _colours() -> str:
    shades = (
        f".h{at} {{ background: color-mix(in oklab, var(--heat) {at * 6}%, var(--card)); }}\n"
        for at in range(SHADES + 1)
    )
    lines = (f".c{at} {{ --hue: {colour}; }}\n" for at, colour in enumerate(drawing.COLOURS))
    return "".join((*shades, *lines))


def _panels(runs: Sequence[Run], comparisons: Sequence[Comparison], samples: Samples) -> str:
    """The comparison and every run, each under a tab."""
    inside = {"Comparison": _together(runs, comparisons, {one["id"] for one in samples.samples})}
    inside |= {f"{at}. {run.name}": _run(run) for at, run in enumerate(runs, 1)}
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{at}" aria-controls="panel-{at}">{esc(name)}</button>'
        for at, name in enumerate(inside)
    )
    found = [f'<div class="tabs" id="tabs" role="tablist" aria-label="Comparison and runs" hidden>{tabs}</div>']
    for at, (name, content) in enumerate(inside.items()):
        found.append(
            f'<div class="panel" role="tabpanel" id="panel-{at}" aria-labelledby="tab-{at}">'
            f'<h2 class="name">{esc(name)}</h2>{content}</div>'
        )
    return "\n".join(found)


def _run(run: Run) -> str:
    """All figures of a run."""
    summary = run.summary
    whole, timing = summary["overall"], summary["timing"]
    found = []
    if not summary["finished"]:
        put = f"{whole['total_samples']} of {whole['expected_samples']} samples"
        found.append(f'<p class="note">This run is not finished: {put} were asked so far.</p>')
    questions = f"{whole['correct']} of {whole['total']} answers"
    cards = [
        ("Accuracy", percent(whole["accuracy"]), f"{questions}; 95 % interval {between(whole)}"),
        ("Not correct", str(whole["total"] - whole["correct"]), _missed(whole)),
        ("Errors", str(whole["errors"]), "left out of every share"),
        (
            "Latency, median",
            duration(timing["p50_latency_ms"]),
            f"95th percentile {duration(timing['p95_latency_ms'])}",
        ),
        (
            "Tokens",
            f"{whole['total_prompt_tokens'] + whole['total_completion_tokens']:,}",
            f"{whole['total_prompt_tokens']:,} prompt, {whole['total_completion_tokens']:,} completion",
        ),
    ]
    if "questions" in whole:
        says = f"all answers to a question right: {percent(whole['all_correct'])}"
        cards.insert(1, ("Any answer right", percent(whole["any_correct"]), says))
    found.append(
        '<dl class="stats">'
        + "".join(f"<div><dt>{a}</dt><dd>{b}<small>{c}</small></dd></div>" for a, b, c in cards)
        + "</dl>"
    )
    found.append(f"<section><h2>Accuracy</h2>{_cells(summary)}</section>")
    curves = "".join(_curves(panels([(run.name, summary)]), summary, heading=False))
    found.append(
        f'<div class="grid2"><section><h2>Scaling curves</h2>{curves}</section>'
        f"<section><h2>Outcomes</h2>{_outcomes(summary)}</section></div>"
    )
    found.append(f'<div class="grid2">{_latencies(summary)}{_settings(summary)}</div>')
    return "\n".join(found)


def _missed(block: Mapping[str, Any]) -> str:
    return ", ".join(f"{block[name]} {name}" for name in ("wrong", "unparsed", "truncated") if block[name]) or "none"


def _cells(summary: Mapping[str, Any]) -> str:
    """Accuracies of tasks and levels, with intervals."""
    levels = list(summary["by_difficulty"])

    def cell(block: Mapping[str, Any], kind: str = "") -> str:
        if not block["total"]:
            return f'<td class="{kind}">-{_errors(block)}</td>'
        shade = round(SHADES * block["accuracy"])
        count = f"{block['correct']}/{block['total']}"
        return (
            f'<td class="h{shade} {kind}">{percent(block["accuracy"])}<small>{between(block)}</small>'
            f'<small class="n">{count}{_errors(block)}</small></td>'
        )

    head = "".join(f'<th scope="col">{level_name(level)}</th>' for level in levels)
    body = "".join(
        f'<tr><th scope="row">{esc(task)}</th>'
        + "".join(cell(block["by_difficulty"][level]) for level in levels)
        + cell(block, "all")
        + "</tr>"
        for task, block in summary["by_task"].items()
    )
    last = "".join(cell(block) for block in summary["by_difficulty"].values()) + cell(summary["overall"], "all")
    questions = "so many questions, whatever the number of answers to each" if _repeated(summary) else "the answers"
    return (
        f'<p class="quiet">Share of answers that are right, with Wilson\'s 95 % interval of {questions}.</p>'
        '<div class="scroll" role="region" aria-label="Accuracy by task and difficulty" tabindex="0">'
        '<table class="cells"><thead>'
        f'<tr><th scope="col">Task</th>{head}<th scope="col">All levels</th></tr></thead>'
        f'<tbody>{body}<tr class="all"><th scope="row">All tasks</th>{last}</tr></tbody></table></div>'
    )


def _repeated(summary: Mapping[str, Any]) -> bool:
    return "questions" in summary["overall"]


def _errors(block: Mapping[str, Any]) -> str:
    count = block["errors"]
    return f" <span>+ {count} error{'s' if count > 1 else ''}</span>" if count else ""


def _curves(drawn: Sequence[Panel], summary: Mapping[str, Any], *, heading: bool) -> Iterator[str]:
    levels = [int(level) for level in summary["by_difficulty"]]
    many = len(drawn) > 1
    yield '<div class="many">' if many else "<div>"
    for panel in drawn:
        title = f"<h3>{esc(panel.title)}</h3>" if many or heading else ""
        yield f"<div>{title}{charts.curves(panel, levels, 250 if many else 360)}</div>"
    yield "</div>"
    if len(drawn[0].lines) > 1 or not many:
        yield charts.legend([line.name for line in drawn[0].lines])


def _outcomes(summary: Mapping[str, Any]) -> str:
    """What came of the questions, as a bar for each task."""
    blocks = {"all": summary["overall"]} | dict(summary["by_task"])
    bars = "".join(f"<dt>{esc(name)}</dt><dd>{charts.stacked(block, name)}</dd>" for name, block in blocks.items())
    whole = summary["overall"]
    keys = "".join(
        f'<li><span class="swatch o-{name}"></span>{name} {whole[key]}</li>'
        for name, key in zip(OUTCOMES, COUNTED, strict=True)
    )
    return (
        f'<dl class="bars">{bars}</dl><ul class="legend">{keys}</ul>'
        '<p class="quiet">Unparsed: an answer in no form that is understood. Truncated: cut off at the limit of tokens '
        "before an answer. Both count as not correct.</p>"
    )


def _latencies(summary: Mapping[str, Any]) -> str:
    timing, tokens = summary["timing"], summary["tokens"]
    names = {"min": "least", "p50": "median", "avg": "mean", "p95": "95 %", "p99": "99 %", "max": "most"}
    head = "".join(f'<th scope="col">{name}</th>' for name in names.values())
    rows = [
        ("latency", [duration(timing[f"{name}_latency_ms"]) for name in names]),
        *(
            (kind, ["-" if tokens[kind][name] is None else f"{tokens[kind][name]:,.0f}" for name in names])
            for kind in ("prompt", "completion")
        ),
    ]
    body = "".join(
        f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{value}</td>" for value in values) + "</tr>"
        for name, values in rows
    )
    return (
        f"<section><h2>Latency and tokens</h2>{charts.histogram(timing)}"
        '<div class="scroll" role="region" aria-label="Latency and tokens of an answer" tabindex="0">'
        '<table class="narrow">'
        f'<caption>Of an answer</caption><thead><tr><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _settings(summary: Mapping[str, Any]) -> str:
    config = dict(summary["config"])
    versions = config.get("versions", {})
    shown = {name: summary[name] for name in ("model", "base_url", "checkpoint", "run_id") if name in summary}
    shown["tasks"] = ", ".join(
        f"{task} (version {versions[task]})" if task in versions else task for task in config["tasks"]
    )
    shown |= {"difficulties": ", ".join(map(str, config["difficulties"]))}
    shown |= {name: value for name, value in config.items() if name not in ONCE}
    shown |= {"synthgen": config.get("synthgen"), "started": summary["started_at"], "ended": summary["completed_at"]}
    long = ("model", "base_url", "checkpoint", "tasks", "started", "ended")

    def entry(name: str, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        kind = ' class="long"' if name in long or len(text) > 24 else ""
        return f"<div{kind}><dt>{esc(name.replace('_', ' '))}</dt><dd>{esc(text)}</dd></div>"

    entries = "".join(entry(name, value) for name, value in shown.items() if value not in (None, {}, []))
    return f'<section><h2>Settings</h2><dl class="settings">{entries}</dl></section>'


def _together(runs: Sequence[Run], comparisons: Sequence[Comparison], embedded_ids: set[str]) -> str:
    """All runs beside each other, then pairs."""
    head = "".join(f'<th scope="col">{esc(task)}</th>' for task in _tasks(runs))

    def cell(block: Mapping[str, Any] | None) -> str:
        if not block or not block["total"]:
            return "<td>-</td>"
        shade = round(SHADES * block["accuracy"])
        return f'<td class="h{shade}">{percent(block["accuracy"])}<small>{between(block)}</small></td>'

    body = "".join(
        f'<tr><th scope="row">{esc(run.name)}</th>'
        + "".join(cell(run.summary["by_task"].get(task)) for task in _tasks(runs))
        + cell(run.summary["overall"])
        + "</tr>"
        for run in runs
    )
    table = (
        '<p class="quiet">Share of answers that are right, each with its own 95 % interval (Wilson). Whether runs '
        "differ is told by the pairs below, not by whether intervals overlap.</p>"
        '<div class="scroll" role="region" aria-label="Accuracy of every run" tabindex="0"><table class="cells">'
        f'<thead><tr><th scope="col">Run</th>{head}<th scope="col">All tasks</th></tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )
    widest = max(runs, key=lambda run: len(run.summary["by_difficulty"])).summary
    drawn = panels([(run.name, run.summary) for run in runs])
    found = [f"<section><h2>Accuracy</h2>{table}</section>"]
    found.append(
        f"<section><h2>Scaling curves</h2>{''.join(_curves(drawn, widest, heading=True))}"
        f"{charts.legend([run.name for run in runs]) if len(drawn[0].lines) < len(runs) else ''}</section>"
    )
    names = {run.directory: run.name for run in runs}
    found += [_pair(one, names[one.first], names[one.second], embedded_ids) for one in comparisons]
    return "\n".join(found)


def _tasks(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(task for run in runs for task in run.summary["by_task"]))


def _pair(one: Comparison, first: str, second: str, embedded_ids: set[str]) -> str:
    """What two runs make of the same questions."""
    lines = [("All questions", one.overall, True), *((task, pair, True) for task, pair in one.by_task.items())]
    lines += [(level_name(str(level)), pair, False) for level, pair in one.by_difficulty.items()]
    cells = [(f"{task}, {level_name(str(level)).lower()}", pair, False) for (task, level), pair in one.by_cell.items()]
    test = (
        "McNemar's exact test"
        if one.test == "McNemar"
        else "a permutation test that flips the signs of the questions' differences (answers to a question averaged)"
    )
    settings = "".join(
        f"<li>{esc(name)}: {esc(json.dumps(a))} and {esc(json.dumps(b))}</li>" for name, (a, b) in one.settings.items()
    )
    left = f" {one.left_out} questions that not both answered are left out." if one.left_out else ""
    lists = "".join(
        _listed(f"{ahead} did better", [gap.sample_id for gap in one.differing if sign * (gap.second - gap.first) > 0],
                embedded_ids)
        for ahead, sign in ((first, -1), (second, 1))
    )  # fmt: skip
    tests = f"{one.family} tests, one for each task" if one.family > 1 else "one test"
    if one.family > len(one.by_task):
        tests += " of each pair of runs"
    by_cell = f"<details><summary>By task and difficulty</summary>{_table(cells, first, second)}</details>"
    return (
        f"<section><h2>{esc(second)} less {esc(first)}</h2>"
        f"<p>Of {one.overall.questions} questions that both answered.{left} The difference is in points, with Bonett "
        f"and Price's 95 % interval for paired shares; p is that of {test}; p (Holm) is corrected for {tests}. "
        "Intervals are not corrected.</p>"
        + (f"<p>The runs also differ in:</p><ul>{settings}</ul>" if settings else "")
        + f"{_table(lines, first, second)}{by_cell}{lists}</section>"
    )


def _table(lines: Sequence[tuple[str, Paired, bool]], first: str, second: str) -> str:
    reach = max([0.05, *(max(abs(one.low), abs(one.high)) for _, one, _ in lines)])
    tested = any(test for _, _, test in lines)
    head = ["", "questions", first, second, "difference", "", "first : second better"]
    head += ["p", "p (Holm)"] if tested else []
    body = []
    for name, one, test in lines:
        kind = ' class="sure"' if one.low > 0 or one.high < 0 else ""
        values = [
            str(one.questions), percent(one.first), percent(one.second), f"<span{kind}>{told(one)}</span>",
            charts.difference(one.low, one.difference, one.high, reach), f"{one.only_first} : {one.only_second}",
        ]  # fmt: skip
        if tested:
            values += [p_text(one.p), "" if one.p_holm is None else p_text(one.p_holm)] if test else ["", ""]
        body.append(f'<tr><th scope="row">{esc(name)}</th>{"".join(f"<td>{value}</td>" for value in values)}</tr>')
    cells = "".join(f'<th scope="col">{esc(name)}</th>' for name in head)
    return (
        '<div class="scroll" role="region" aria-label="Differences" tabindex="0"><table class="narrow">'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _listed(title: str, ids: Sequence[str], embedded_ids: set[str]) -> str:
    if not ids:
        return ""
    entries = "".join(
        f'<li><a href="#{esc(one)}">{esc(one)}</a></li>' if one in embedded_ids else f"<li>{esc(one)}</li>"
        for one in ids[:LISTED]
    )
    more = f"<p>... and {len(ids) - LISTED} more.</p>" if len(ids) > LISTED else ""
    return (
        f'<details><summary>{esc(title)}: {len(ids)} questions</summary><ul class="ids">{entries}</ul>{more}</details>'
    )


def _footer(several: bool) -> str:
    return (
        "Answers that ended in an error are left out of every share. "
        + ("Each run is compared with the first. " if several else "")
        + "This file is whole in itself: it loads nothing, and shows what models wrote as text alone."
    )
