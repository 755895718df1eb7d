"""The report: what a page holds, that nothing a model wrote can act on it, and what the verb says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthgen.cli import main
from synthgen.errors import EvaluationError, ParamError
from synthgen.evaluate import prompts, samples
from synthgen.evaluate.charts import esc
from synthgen.evaluate.page import embedded
from synthgen.evaluate.questions import Questions
from synthgen.evaluate.reporting import report
from synthgen.evaluate.store import read_state

from tests.evaluation_rows import make_run, responder, write_rows

VOID = {"meta", "link", "input", "br", "hr", "img"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "nul \0 and \x1b[31m",
    "lone \ud800 surrogate",
    "\u202egnitirw fo noitcerid\u2066",
    "]]> & &lt; ' \" ` ${x}",
    "\u2028\u2029\ufffe",
]


class Page(HTMLParser):
    """Reads a page strictly: tags that do not match, ids that repeat and labels without their control are errors."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(content.decode("utf-8"))
        self.close()
        assert not self.open
        self.ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(self.ids) == len(set(self.ids))
        for _, attributes in self.tags:
            for name in ("aria-labelledby", "aria-controls"):
                assert attributes.get(name) in (None, *self.ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.texts["script"][0])
        return found


def page_of(*directories: Path, **options: Any) -> Page:
    return Page(report(directories, figures=False, **options).page.read_bytes())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("report") / "run"
    make_run(directory, Questions(samples=6), responder(rare=0.4))
    return directory


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("report") / "other"
    make_run(directory, Questions(samples=6, shots=2), responder((0.9, 0.9, 0.9)), repeats=2)
    return directory


def test_a_page_is_whole_in_itself(run: Path, other: Path) -> None:
    for page in (page_of(run), page_of(run, other), page_of(run, other, samples=0)):
        tags = [tag for tag, _ in page.tags]
        assert tags[:2] == ["html", "head"]
        assert tags.count("script") == 2
        assert tags.count("style") == tags.count("h1") == tags.count("main") == 1
        for tag, attributes in page.tags:
            assert not {name for name in attributes if name.startswith("on") or name == "style"}, (tag, attributes)
            assert "src" not in attributes
            assert (attributes.get("href") or "#").startswith(("#", "data:"))


def test_the_policy_admits_the_script_and_the_style_alone(run: Path) -> None:
    page = page_of(run)
    policy = next(attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    directives = dict(part.strip().split(" ", 1) for part in str(policy).split(";"))
    assert directives["default-src"] == "'none'"
    for name, text in (("script-src", page.texts["script"][1]), ("style-src", page.texts["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[name] == f"'sha256-{digest}'"
    assert directives["img-src"] == "data:"
    assert "unsafe" not in str(policy)


def test_the_script_makes_no_markup(run: Path) -> None:
    script = page_of(run).texts["script"][1]
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "srcdoc",
    ):
        assert word not in script


@given(st.text(st.characters(codec=None) | st.sampled_from("<>&/!-\0\u2028")))
def test_embedded_json_cannot_end_its_element(text: str) -> None:
    found = embedded({"text": text})
    assert found.isascii()
    assert not set("<>&") & set(found)
    assert json.loads(found) == {"text": text}


@given(st.text(st.characters(codec=None)))
def test_escaped_text_is_text(text: str) -> None:
    class Reader(HTMLParser):
        found = ""

        def handle_data(self, data: str) -> None:
            self.found += data

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            raise AssertionError(tag)

    reader = Reader()
    reader.feed(f"<!>{esc(text)}".removeprefix("<!>"))
    reader.close()
    assert len(reader.found) == len(text)
    assert all(ord(one) >= 32 or one in "\t\n" for one in reader.found)
    assert not any("\ud800" <= one <= "\udfff" for one in reader.found)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_hostile_stays_text(tmp_path: Path, text: str) -> None:
    """In every field that a model, a server or a directory fills."""

    def respond(question: Any, rng: Any) -> dict[str, Any]:
        return {
            "raw_response": text,
            "reasoning": text,
            "extracted_answer": text,
            "finish_reason": text,
            "outcome": "wrong",
        }

    plain = page_of(make(tmp_path / "plain", lambda question, rng: {"raw_response": "", "outcome": "wrong"}, "m"))
    page = page_of(make(tmp_path / "hostile", respond, text))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    answer = page.data()["samples"][0]["runs"][0]["answers"][0]
    assert [answer[name] for name in ("response", "reasoning", "extracted", "finish")] == [text] * 4


def make(directory: Path, respond: Any, model: str) -> Path:
    make_run(directory, Questions(tasks=("logic",), samples=1), respond, model=model)
    return directory


def test_prompts_are_shown_as_they_were_sent(run: Path, other: Path) -> None:
    for directory, asked in ((run, Questions(samples=6)), (other, Questions(samples=6, shots=2))):
        data = page_of(directory).data()
        found = {one["id"]: one["runs"][0]["prompt"] for one in data["samples"]}
        assert len(found) == len(asked)
        for question in asked:
            made = [
                {"role": role, "content": (data["texts"][lead] if lead >= 0 else "") + rest}
                for role, lead, rest in found[question.sample_id]
            ]
            assert made == prompts.messages(question, "plain", {})


def test_prompts_of_completions_are_text(tmp_path: Path) -> None:
    asked = Questions(tasks=("logic", "capo"), samples=2, shots=1)
    make_run(tmp_path / "run", asked, mode="completions")
    found = {one["id"]: one["runs"][0]["prompt"] for one in page_of(tmp_path / "run").data()["samples"]}
    for question in asked:
        assert found[question.sample_id] == [["text", -1, prompts.text(question, "plain", {})]]


def test_prompts_that_cannot_be_made_again_are_said_to_be(tmp_path: Path) -> None:
    rows = make_run(tmp_path / "run", Questions(tasks=("logic",), samples=2, shots=1))
    old = [row | {"input_text": "once upon a time ->"} for row in rows]
    write_rows(tmp_path / "run", old, read_state(tmp_path / "run")["config"], len(old))
    made = report([tmp_path / "run"], figures=False).page.read_text()
    assert "this release draws other rows of these tasks" in made


def test_few_samples_are_of_every_kind(run: Path) -> None:
    def kinds(ids: list[str]) -> set[tuple[str, int, str]]:
        lines = (run / "results.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if row["sample_id"] in ids]
        return {(row["task"], row["difficulty"], row["outcome"]) for row in rows}

    every, total = samples.chosen([run], 10_000, ["dyna", "inducto", "filtro", "logic"])
    assert len(every) == len(set(every)) == total == 72
    wanted = kinds(every)
    few, _ = samples.chosen([run], len(wanted), ["dyna", "inducto", "filtro", "logic"])
    assert len(few) == len(wanted)
    assert kinds(few) == wanted
    assert [one for one in every if one in few] == few
    assert samples.chosen([run], 0, []) == ([], 72)


def test_long_texts_lose_their_middle(tmp_path: Path) -> None:
    text = "a" * 600_000 + "b" * 400_000
    make(tmp_path / "run", lambda question, rng: {"raw_response": text, "outcome": "wrong"}, "m")
    page = page_of(tmp_path / "run")
    shown = page.data()["samples"][0]["runs"][0]["answers"][0]["response"]
    assert shown.startswith("a" * 10_000)
    assert shown.endswith("b" * 10_000)
    assert "980,000 characters are left out here" in shown


def test_a_page_has_a_bound(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "ROOM", 20_000)
    page = page_of(run)
    assert 0 < len(page.data()["samples"]) < 20
    assert "of 72 questions are here" in " ".join(page.texts["p"])


def test_the_verb_writes_a_report(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    said = capsys.readouterr().out
    assert "RESULTS SUMMARY" in said
    assert f"saved_report={run / 'report.html'}" in said
    assert (run / "report-curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_verb_compares(run: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "out" / "both.html"
    assert main(["report", str(run), str(other), "--output", str(page), "--samples", "5"]) == 0
    said = capsys.readouterr().out
    assert said.count("RESULTS SUMMARY") == 2
    assert "made-up-1b (other) less made-up-1b (run), of" in said
    assert sorted(one.name for one in page.parent.iterdir()) == ["both-curves.png", "both.html"]
    found = Page(page.read_bytes())
    assert len(found.data()["samples"]) == 5
    assert [attributes.get("role") for _, attributes in found.tags].count("tab") == 3


def test_runs_of_other_questions_stand_side_by_side(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "seed", Questions(samples=2, seed=7), model="another")
    assert main(["report", str(run), str(tmp_path / "seed"), "--output", str(tmp_path / "x.html"), "--no-figures"]) == 0
    assert "Not compared pair by pair" in capsys.readouterr().out
    assert "seed is 42 here and 7 there" in (tmp_path / "x.html").read_text()
    assert not (tmp_path / "x-curves.png").exists()


def test_a_run_that_goes_on_is_reported_as_far_as_it_is(tmp_path: Path) -> None:
    make_run(tmp_path / "run", keep=lambda row: row["task"] == "dyna")
    assert "not finished: 12 of 48 samples" in report([tmp_path / "run"]).page.read_text()
    make_run(tmp_path / "empty", keep=lambda row: False)
    assert len(page_of(tmp_path / "empty").data()["samples"]) == 0
    assert report([tmp_path / "run", tmp_path / "empty"]).notes


def test_every_task_can_be_reported(tmp_path: Path) -> None:
    from synthgen.evaluate.questions import named

    make_run(tmp_path / "all", Questions(tasks=named(["all"], "plain"), samples=2))
    made = report([tmp_path / "all"])
    Page(made.page.read_bytes())


def test_what_is_wrong_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ParamError, match="each run once"):
        report([run, run])
    with pytest.raises(ParamError, match="samples = -1"):
        report([run], samples=-1)
    with pytest.raises(EvaluationError, match="give one that `synthgen evaluate` wrote"):
        report([tmp_path])
    assert main(["report", str(run), "--output", "page.pdf"]) == 1
    assert "a file that ends in .html" in capsys.readouterr().err


def test_a_page_is_the_same_for_the_same_rows(run: Path, tmp_path: Path) -> None:
    pages = [report([run], tmp_path / f"{at}.html", figures=False).page.read_bytes() for at in range(2)]
    assert pages[0] == pages[1]
    assert not re.search(rb"https?://(?!localhost)", pages[0])
