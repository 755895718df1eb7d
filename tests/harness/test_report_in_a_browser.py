"""The page of a report in a real browser: it works, it fits, and what models wrote does nothing."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from synthgen.evaluate.questions import Question, Questions
from synthgen.evaluate.reporting import report

from tests.evaluation_rows import Row, make_run, responder

pytestmark = pytest.mark.harness

CHROMIUM, DRIVER = (shutil.which(name) or f"/usr/bin/{name}" for name in ("chromium", "chromedriver"))
HOSTILE = """</script><script>window.hit = 1</script><img src=x onerror="window.hit = 2"> <b>bold?</b> \0 \ud800
\u202egnitirw fo noitcerid <svg onload=window.hit=3> javascript:window.hit=4 \u0627\u0644\u0639\u0631\u0628\u064a\u0629
ANSWER: <i>x</i>"""
ASKED = Questions(samples=60)


def respond(question: Question, rng: random.Random) -> Row:
    """As a model does; three questions have hostile, huge and thought-out answers."""
    row = responder((0.95, 0.8, 0.4), 0.3)(question, rng)
    if question.sample_id == "logic_1_test_1":
        fields = dict.fromkeys(("raw_response", "reasoning", "finish_reason"), HOSTILE)
        return row | fields | {"extracted_answer": "<i>x</i>", "outcome": "wrong", "error": None}
    if question.sample_id == "logic_1_test_2":
        return row | {"raw_response": "wide" * 250_000, "outcome": "unparsed", "extracted_answer": ""}
    if question.sample_id == "logic_1_test_3":
        text = f"<think>first 7, then 8</think>So it is.\nANSWER: {question.target}"
        return row | {"raw_response": text, "outcome": "correct", "extracted_answer": question.target}
    return row


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("pages")
    make_run(root / "one", ASKED, respond, model="<script>window.hit = 5</script>one")
    make_run(root / "two", ASKED, responder((0.97, 0.9, 0.6), 0.2), model="two")
    made = {"one": report([root / "one"], figures=False), "both": report([root / "one", root / "two"], figures=False)}
    return {name: found.page.as_uri() for name, found in made.items()}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    for path in (CHROMIUM, DRIVER):
        if not Path(path).exists():
            pytest.fail(f"{path} is missing: apt-get install chromium chromium-driver fonts-dejavu-core")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """A browser that must have nothing to complain of when the test is over."""
    size(chromium, 1280, 900)
    prefer(chromium, dark=False)
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    assert chromium.get_log("browser") == []
    assert chromium.execute_script("return window.hit") is None


def size(browser: Any, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def prefer(browser: Any, *, dark: bool) -> None:
    """The user's colours; and no smooth scrolling, during which a click may miss."""
    wanted = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def until(test: Callable[[], bool]) -> None:
    """Wait until something holds that the page does in its own time."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(None, 10).until(lambda _: test())


def press(element: Any, key: str) -> None:
    from selenium.webdriver.common.keys import Keys

    element.send_keys(getattr(Keys, key))


def one(browser: Any, css: str) -> Any:
    return browser.find_element("css selector", css)


def every(browser: Any, css: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", css)
    return found


def until_counted(browser: Any, number: int) -> None:
    until(lambda: one(browser, "#count").text.startswith(f"{number} of 720 "))


def count(browser: Any, test: str) -> int:
    """Samples of which a test in the page's language holds."""
    script = "return JSON.parse(document.getElementById('data').textContent).samples"
    found: int = browser.execute_script(f"{script}.filter((one) => {test}).length")
    return found


def test_all_samples_are_listed_as_they_are_scrolled_to(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["one"])
    until_counted(browser, 720)
    assert len(every(browser, "#list [data-id]")) == 100
    browser.execute_script("const list = document.getElementById('list'); list.scrollTop = list.scrollHeight")
    until(lambda: len(every(browser, "#list [data-id]")) == 200)
    press(one(browser, "#list .more"), "ENTER")
    assert len(every(browser, "#list [data-id]")) >= 300


def test_filters_choose(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["one"])
    for name, value, test in (
        ("by-task", "dyna", "one.task === 'dyna'"),
        ("by-level", "3", "one.task === 'dyna' && one.level === 3"),
        ("by-outcome", "wrong", "one.task === 'dyna' && one.level === 3 && one.runs[0].answers[0].outcome === 'wrong'"),
    ):
        one(browser, f"#{name} option[value='{value}']").click()
        expected = count(browser, test)
        assert 0 < expected < 720
        until_counted(browser, expected)
        assert len(every(browser, "#list [data-id]")) == min(expected, 100)
    one(browser, "#by-text").send_keys("no such text anywhere")
    until_counted(browser, 0)
    assert "No sample is like that" in one(browser, "#list").text


def test_a_search_finds_what_was_said(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["one"])
    one(browser, "#by-text").send_keys("FIRST 7, then")
    until_counted(browser, 1)
    one(browser, "#list [data-id]").click()
    assert one(browser, "#sample h3").text == "logic_1_test_3"
    thoughts = one(browser, "#sample .run > details:nth-of-type(2)")
    assert thoughts.get_attribute("open") is None
    assert "Thoughts within the response" in thoughts.text
    assert one(browser, "mark.right").text == one(browser, "#sample dd.value").text


def test_a_link_leads_to_its_sample(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["one"] + "#logic_3_test_59")
    assert one(browser, "#sample h3").text == "logic_3_test_59"
    assert one(browser, "#list [aria-current]").get_attribute("data-id") == "logic_3_test_59"
    assert one(browser, "#sample").rect["y"] > 0
    browser.execute_script("location.hash = 'filtro_2_test_5'")
    until(lambda: one(browser, "#sample h3").text == "filtro_2_test_5")
    browser.execute_script("location.hash = 'filtro_2_test_99999'")
    until(lambda: "is not on this page" in one(browser, "#sample").text)
    browser.execute_script("location.hash = '%ff%3Cimg'")
    browser.execute_script("location.hash = 'dyna_1_test_0'")
    until(lambda: one(browser, "#sample").text.startswith("dyna_1_test_0"))


def test_the_keyboard_does_all(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["both"])
    tab = one(browser, "[role=tab]")
    press(tab, "ARROW_RIGHT")
    assert browser.switch_to.active_element.get_attribute("aria-selected") == "true"
    shown = [panel.is_displayed() for panel in every(browser, "[role=tabpanel]")]
    assert shown == [False, True, False]
    first = one(browser, "#list [data-id]")
    press(first, "ARROW_DOWN")
    press(browser.switch_to.active_element, "ENTER")
    assert one(browser, "#sample h3").text == "dyna_1_test_1"
    assert browser.current_url.endswith("#dyna_1_test_1")
    press(one(browser, "#next"), "ENTER")
    assert one(browser, "#sample h3").text == "dyna_1_test_2"


def test_what_is_hostile_is_shown_as_text(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["one"] + "#logic_1_test_1")
    for closed in every(browser, "#sample details:not([open]) > summary"):
        closed.click()
    texts = [found.text for found in every(browser, "#sample pre")]
    assert (
        sum('</script><script>window.hit = 1</script><img src=x onerror="window.hit = 2">' in text for text in texts)
        == 2
    )
    assert any("\u2400" in text and "\u27e8U+202E\u27e9" in text for text in texts)
    assert one(browser, "mark.missed").text == "<i>x</i>"
    assert every(browser, "#sample img, #sample script, #sample b, #sample i, #sample svg, h1 script") == []
    assert one(browser, "h1").text == "<script>window.hit = 5</script>one"
    assert browser.execute_script("return document.scripts.length") == 2


def test_nothing_else_may_run(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["one"])
    browser.execute_script(
        "const made = document.createElement('script'); made.textContent = 'window.hit = 6';"
        "const image = document.createElement('img'); image.src = 'http://127.0.0.1:9/x.png';"
        "document.body.append(made, image)"
    )
    refused: list[str] = []

    def both() -> bool:
        refused.extend(entry["message"] for entry in browser.get_log("browser"))
        return len(refused) == 2

    until(both)
    assert all("Content Security Policy" in message for message in refused)


def test_runs_are_compared(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["both"])
    assert [tab.text for tab in every(browser, "[role=tab]")][2] == "2. two"
    assert "McNemar's exact test" in one(browser, "#panel-0").text
    one(browser, "#by-differing").click()
    differing = one(browser, "#count").text.split()[0]
    links = len(every(browser, "#panel-0 .ids a"))
    until(lambda: one(browser, "#count").text.split()[0] == str(links))
    assert differing
    one(browser, "#panel-0 details:has(.ids) > summary").click()
    link = one(browser, "#panel-0 .ids a")
    wanted = link.text
    link.click()
    until(lambda: one(browser, "#sample h3").text == wanted)
    assert len(every(browser, "#sample .run > .who")) == 2


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["one", "both"])
@pytest.mark.parametrize("width", [320, 400, 768, 1280])
def test_a_page_fits(browser: Any, pages: dict[str, str], tmp_path: Path, name: str, width: int, dark: bool) -> None:
    size(browser, width, 900)
    prefer(browser, dark=dark)
    for sample in ("logic_1_test_1", "logic_1_test_2"):
        browser.get(f"{pages[name]}#{sample}")
        wide = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        sections = "[...document.querySelectorAll('main section')]"
        wider = "(section) => section.scrollWidth > section.clientWidth + 1"
        assert browser.execute_script(f"return {sections}.filter({wider})") == []
        browser.refresh()
    shot = tmp_path / "shot.png"
    browser.save_screenshot(str(shot))
    colours = pixels(shot)
    assert len(colours) > 50
    brightest = max(colours, key=lambda one: colours[one])
    assert (sum(brightest) < 200) == dark


def pixels(path: Path) -> dict[tuple[int, ...], int]:
    """How often each colour is there."""
    from matplotlib.image import imread

    found: dict[tuple[int, ...], int] = {}
    for pixel in (imread(path)[::4, ::4, :3] * 255).astype(int).reshape(-1, 3).tolist():
        found[tuple(pixel)] = found.get(tuple(pixel), 0) + 1
    return found


def test_a_print_has_every_panel(browser: Any, pages: dict[str, str]) -> None:
    browser.get(pages["both"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = [panel.is_displayed() for panel in every(browser, "[role=tabpanel]")]
    hidden = [one(browser, css).is_displayed() for css in ("#tabs", "#filters", "#list")]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (shown, hidden) == ([True] * 3, [False] * 3)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})
    assert len(json.dumps(printed)) > 20_000
