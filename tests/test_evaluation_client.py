"""What is sent to a server, what its replies are read as, and what becomes of its faults."""

import asyncio
import contextlib
import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthgen.errors import ParamError
from synthgen.evaluate.client import AGAIN, Asked, Prompt, Put, Server, checked_url, is_local, retry_after
from synthgen.evaluate.limiter import Clock, Limiter
from synthgen.evaluate.questions import Question
from synthgen.evaluate.replies import Malformed, Reply, read

from tests.evaluation_server import FAULTS, Answer, Say, fault, question_of, reply, serving

QUESTION = Question("dyna_1_test_0", "dyna", 1, "what?", "B", {})
CHAT = [{"role": "user", "content": "what?"}]


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def ask(answer: Answer, *, chat: bool = True, **settings: Any) -> tuple[Asked, list[Any]]:
    """Ask one question; what came of it, and the requests that the server had."""
    own = {"attempts": 3, "timeout": 20.0} | settings
    body = own.pop("body", {"model": "m", "max_tokens": 9, "temperature": 0.0})

    async def work(url: str) -> Asked:
        limiter = Limiter(2, clock=Clock(sleep=at_once))
        server = Server(url, body, limiter, concurrent=2, chat=chat, clock=Clock(sleep=at_once), **own)
        try:
            return await server.ask(Put(CHAT if chat else "what?", QUESTION, 0))
        finally:
            await server.close()

    with serving(answer) as running:
        return asyncio.run(work(running.url)), running.requests


def test_a_request_holds_what_was_asked_and_nothing_else() -> None:
    asked, requests = ask(lambda *_: reply("ANSWER: B"), api_key="secret-key")
    assert asked.reply == Reply("ANSWER: B", None, "stop", 10, 5)
    assert asked.attempts == 1
    assert asked.error is None
    ((body, headers),) = requests
    assert body == {"model": "m", "messages": CHAT, "max_tokens": 9, "temperature": 0.0}
    assert headers["authorization"] == "Bearer secret-key"
    assert headers["content-type"] == "application/json"


def test_keys_can_be_added_and_taken_out() -> None:
    body = {"model": "m", "max_tokens": None, "temperature": 0.0, "max_completion_tokens": 7, "top_p": 0.5}
    _, ((sent, headers),) = ask(lambda *_: reply("B"), body=body)
    assert sent == {"model": "m", "messages": CHAT, "temperature": 0.0, "max_completion_tokens": 7, "top_p": 0.5}
    assert "authorization" not in headers


def test_text_is_continued_where_no_chat_is_asked_for() -> None:
    asked, ((body, _),) = ask(lambda *_: reply(" B", chat=False), chat=False)
    assert body["prompt"] == "what?"
    assert "messages" not in body
    assert asked.reply is not None
    assert asked.reply.text == " B"


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in ("hang", "drip")])
def test_a_fault_that_passes_is_tried_again(kind: str) -> None:
    asked, requests = ask(lambda _, before: fault(kind) if before < 2 else reply("B"))
    assert asked.reply is not None
    assert asked.reply.text == "B"
    assert asked.attempts == len(requests) == 3


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_server_that_is_slow_is_given_up(kind: str) -> None:
    asked, requests = ask(lambda *_: fault(kind), timeout=0.2, attempts=2)
    assert asked.error == "no reply within 0.2 s"
    assert asked.attempts == len(requests) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422, 301, 307, *sorted(AGAIN)])
def test_only_what_may_pass_is_tried_again(status: int) -> None:
    headers = (("Location", "/elsewhere"),) if status < 400 else ()
    asked, requests = ask(lambda *_: Say(status, b'{"error": {"message": "no such model"}}', headers))
    assert asked.error == f"HTTP {status}: no such model"
    assert asked.attempts == len(requests) == (3 if status in AGAIN else 1)


def test_nobody_at_the_address_is_an_error_after_all_tries() -> None:
    async def work() -> Asked:
        clock = Clock(sleep=at_once)
        server = Server("http://127.0.0.1:1/v1", {}, Limiter(1, clock=clock), concurrent=1, attempts=3, clock=clock)
        try:
            return await server.ask(Put(CHAT, QUESTION, 0))
        finally:
            await server.close()

    asked = asyncio.run(work())
    assert asked.attempts == 3
    assert asked.error is not None
    assert "Connect" in asked.error


@pytest.mark.parametrize("before", range(280, 300, 3))
def test_a_key_is_not_told_in_part(before: int) -> None:
    asked, _ = ask(lambda *_: Say(401, b"x" * before + b" sk-very-secret"), api_key="sk-very-secret")
    assert asked.error is not None
    assert "sk" not in asked.error
    said, _ = ask(lambda *_: reply("ANSWER: sk-very-secret"), api_key="sk-very-secret")
    assert said.reply is not None
    assert said.reply.text == "ANSWER: ..."
    told, _ = ask(lambda *_: reply("ANSWER: none"), api_key="none")
    assert told.reply is not None
    assert told.reply.text == "ANSWER: none"  # a word for no key is no secret


def test_a_choice_that_failed_is_no_answer() -> None:
    choices = [{"finish_reason": "error", "error": {"message": "upstream"}, "message": {"content": ""}}]
    asked, requests = ask(lambda *_: Say(content=json.dumps({"choices": choices}).encode()))
    assert asked.error == "the server says: upstream"
    assert len(requests) == 3


def test_a_key_is_never_told() -> None:
    def answer(body: Any, before: int) -> Say:
        return Say(401, b'{"error": {"message": "bad key sk-very-secret of yours"}}')

    asked, _ = ask(answer, api_key="sk-very-secret")
    assert asked.error == "HTTP 401: bad key ... of yours"
    with pytest.raises(ParamError) as caught:
        Server("http://x/v1", {}, Limiter(1), concurrent=1, api_key="sk-\nsecret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "ANSWER: B"}, "ANSWER: B", None),
        ({"content": [{"type": "text", "text": "ANS"}, {"type": "text", "text": "WER: B"}]}, "ANSWER: B", None),
        ({"content": [{"type": "thinking", "text": "ANSWER: C"}, {"type": "text", "text": "B"}]}, "B", None),
        ({"content": [{"type": "text", "text": {"value": "B"}}, "!"]}, "B!", None),
        ({"content": "B", "reasoning_content": "ANSWER: C"}, "B", "ANSWER: C"),
        ({"content": "B", "reasoning": "ANSWER: C"}, "B", "ANSWER: C"),
        ({"content": None, "reasoning": "so far"}, "", "so far"),
        ({"content": None, "refusal": "I cannot"}, "I cannot", None),
        ({"content": ""}, "", None),
    ],
)
def test_content_comes_in_many_forms_and_thoughts_stay_apart(message: Any, text: str, reasoning: str | None) -> None:
    found = read({"choices": [{"message": message, "finish_reason": "stop"}]}, chat=True)
    assert found == Reply(text, reasoning, "stop", 0, 0)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "text", "type", "usage", "finish_reason", "reasoning", "error", "value",
             "prompt_tokens", "completion_tokens", "refusal", "reasoning_content"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.booleans())
def test_any_body_is_a_reply_or_malformed(body: Any, chat: bool) -> None:
    for given_body in (body, {"choices": [body]}, {"choices": [{"message": body}], "usage": body}):
        with contextlib.suppress(Malformed):
            found = read(given_body, chat)
            assert isinstance(found.text, str)
            assert isinstance(found.reasoning, str | None)
            assert min(found.prompt_tokens, found.completion_tokens) >= 0


def test_what_a_server_says_of_its_error_in_a_good_reply_is_told() -> None:
    asked, _ = ask(lambda *_: Say(content=b'{"error": {"message": "model overloaded"}}'), attempts=1)
    assert asked.error == "the server says: model overloaded"


def test_a_reply_without_end_is_refused() -> None:
    asked, requests = ask(lambda *_: Say(content=b'"' + b"x" * (17 * 2**20)))
    assert asked.error is not None
    assert "more than" in asked.error
    assert len(requests) == 1


def test_retry_after_is_a_number_or_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for asked, low, high in (("7", 7, 7), ("7.0", 7, 7), (date, 3000, 3600)):
        found = retry_after({"retry-after": asked})
        assert found is not None
        assert low <= found <= high
        assert retry_after({"retry-after-ms": "250", "retry-after": asked}) == 0.25


@pytest.mark.parametrize("asked", ["soon", "", "nan", "inf", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_none(asked: str) -> None:
    assert retry_after({"retry-after": asked}) is None
    assert retry_after({}) is None
    assert retry_after({"retry-after": "-5"}) == 0


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("https://a.example/v1/chat/completions", "https://a.example/v1"),
        ("https://a.example/v1/completions/", "https://a.example/v1"),
    ],
)
def test_a_url_is_taken_with_or_without_its_end(given_url: str, url: str) -> None:
    assert checked_url(given_url) == url
    assert is_local(url) == ("localhost" in url)


@pytest.mark.parametrize("url", ["http://user:hunter2@x/v1", "http://x/v1?api-version=hunter2", "http://x/v1#hunter2"])
def test_what_may_be_a_secret_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ParamError, match="without user, query or fragment") as caught:
        checked_url(url)
    assert "hunter2" not in str(caught.value)


LONG = f"http://{'a' * 64}.x/v1"


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x/v1", "http://", "http://x:port/v1", "/v1", "http://a..b", LONG]
)
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ParamError, match=r"base_url = .*http://localhost:8000/v1"):
        checked_url(url)


def test_many_questions_are_under_way_at_a_time_and_no_more() -> None:
    async def work(url: str) -> None:
        server = Server(url, {}, Limiter(7), concurrent=7)
        prompts: list[Prompt] = [[{"role": "user", "content": f"{i}"}] for i in range(60)]
        found = await asyncio.gather(*(server.ask(Put(prompt, QUESTION, 0)) for prompt in prompts))
        assert [one.reply.text for one in found if one.reply] == [f"{i}" for i in range(60)]
        await server.close()

    with serving(lambda body, _: reply(question_of(body))) as running:
        asyncio.run(work(running.url))
        assert running.most <= 7


def test_pauses_of_a_client_follow_what_is_asked() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    def answer(body: Any, before: int) -> Say:
        return Say(429, b"", (("Retry-After", "3"),)) if before == 0 else Say(500) if before == 1 else reply("B")

    async def work(url: str) -> Asked:
        now = iter(range(0, 10**6, 10))
        clock = Clock(lambda: next(now), sleep)
        server = Server(url, {}, Limiter(1, clock=clock), concurrent=1, clock=clock)
        server._rng = random.Random(0)
        try:
            return await server.ask(Put(CHAT, QUESTION, 0))
        finally:
            await server.close()

    with serving(answer) as running:
        assert asyncio.run(work(running.url)).attempts == 3
    assert 3 <= slept[0] <= 4.5
    assert 2 <= slept[1] <= 3
