"""The client of a server: sends a question, tries again where that may help, and says why where it does not."""

from __future__ import annotations

import email.utils
import json
import math
import random
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ..checks import extra
from ..errors import param_error, show
from .limiter import Clock, Limiter, pause
from .replies import Malformed, Reply, read

if TYPE_CHECKING:
    from .questions import Question

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses after which a request is tried again."""
BUSY = frozenset({429, 503, 529})
"""Statuses by which a server says that it has too much to do."""
ENDINGS = ("/chat/completions", "/completions")
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
SAID = 300
"""Characters of a server's message that are kept."""
SECRET = 8
"""Characters from which on a key is a secret: servers that want none are given words such as `none`."""
THOUGHT = 512.0
"""Tokens that a response is thought to have, where no limit is set."""
LARGEST = 16 * 2**20
"""Bytes of a reply that are read."""


class Asked(NamedTuple):
    """What came of a question: a reply or an error, after so many attempts."""

    reply: Reply | None
    error: str | None
    attempts: int
    latency_ms: float  # of the last attempt, waits left out


Prompt = str | list[dict[str, str]]
"""Text to be continued, or the messages of a chat."""


class Put(NamedTuple):
    """A question as it is put: what is sent, the question, and the how manieth time it is."""

    prompt: Prompt
    question: Question
    repeat: int


class Model(Protocol):
    """Whatever answers questions."""

    async def ask(self, put: Put) -> Asked:
        """Answer one question; never raises for what a server does."""

    async def close(self) -> None:
        """Give up what is held."""


class Failed(Exception):
    """An attempt that failed."""

    def __init__(self, message: str, *, again: bool, busy: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.again = again
        self.busy = busy
        self.wait = wait


def is_local(base_url: str) -> bool:
    """Is a server on this machine?"""
    return (urlsplit(base_url).hostname or "") in LOCAL


def checked_url(base_url: str) -> str:
    """The URL without what requests add. Raises ParamError."""
    url = base_url.rstrip("/")
    for ending in ENDINGS:
        url = url.removesuffix(ending)
    allowed = "allowed: a URL such as http://localhost:8000/v1"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # UnicodeError is one
        good = False
    if good and (parts.username is not None or parts.query or parts.fragment):
        # What is wrong may be a password, and is not shown.
        shown = f"{parts.scheme}://{parts.hostname}/..."
        raise param_error(None, "base_url", shown, f"{allowed}, without user, query or fragment; a key is --api-key")
    if not good:
        raise param_error(None, "base_url", base_url, allowed)
    return url


class Server:
    """A model behind an OpenAI-compatible API."""

    def __init__(
        self,
        base_url: str,
        settings: Mapping[str, Any],
        limiter: Limiter,
        *,
        concurrent: int,
        chat: bool = True,
        api_key: str | None = None,
        timeout: float = 120.0,
        attempts: int = 5,
        clock: Clock | None = None,
    ) -> None:
        aiohttp = extra("aiohttp", "eval")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            # The key itself is not shown.
            raise param_error(None, "api_key", "...", "allowed: printable ASCII characters")
        url = checked_url(base_url)
        self._settings = {name: value for name, value in settings.items() if value is not None}
        self._limiter = limiter
        self._chat = chat
        self._key = api_key
        self._timeout = timeout
        self._attempts = attempts
        self._clock = clock or Clock()
        # Where many begin together, none should wait as long as another because of equal numbers.
        self._rng = random.Random()
        self._url = url + (ENDINGS[0] if chat else ENDINGS[1])
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._make = partial(
            aiohttp.ClientSession,
            headers=headers,
            # The time is that of a whole request: a server that sends a byte now and then is slow as well.
            timeout=aiohttp.ClientTimeout(total=timeout),
            trust_env=not is_local(url),
        )
        self._connector = partial(aiohttp.TCPConnector, limit=concurrent)
        self._http: Any = None
        self._broken = (aiohttp.ClientError, OSError)
        most = settings.get("max_tokens") or settings.get("max_completion_tokens")
        self._mean = float(most) if isinstance(most, int) and 0 < most < 2**53 else THOUGHT

    async def ask(self, put: Put) -> Asked:
        """Send a question until a reply comes, or trying again is no use."""
        body = json.dumps(self._settings | {"messages" if self._chat else "prompt": put.prompt}).encode()
        thought = int(len(body) / 4 + self._mean)
        for attempt in range(1, self._attempts + 1):
            await self._limiter.acquire(thought)
            began = time.perf_counter()
            used = thought
            try:
                reply = await self._send(body)
                used = reply.prompt_tokens + reply.completion_tokens or thought
                self._mean += (reply.completion_tokens - self._mean) * 0.05 if reply.completion_tokens else 0
                self._limiter.succeeded()
                return Asked(reply, None, attempt, _since(began))
            except Failed as error:
                failure = error
                took = _since(began)
                if failure.busy:
                    self._limiter.overloaded(failure.wait)
            finally:
                self._limiter.settle(thought, used)
                self._limiter.release()
            if not failure.again or attempt == self._attempts:
                return Asked(None, str(failure), attempt, took)
            await self._clock.sleep(pause(attempt, failure.wait, self._rng))
        raise AssertionError("an attempt at least")

    async def _send(self, body: bytes) -> Reply:
        """One attempt. Raises Failed."""
        # A session belongs to the loop that it is made in.
        self._http = self._http or self._make(connector=self._connector())
        try:
            async with self._http.post(self._url, data=body, allow_redirects=False) as response:
                content = await _content(response)
        except TimeoutError:
            raise Failed(f"no reply within {self._timeout:g} s", again=True) from None
        except self._broken as error:
            raise Failed(f"{type(error).__name__}: {error or 'the connection broke'}", again=True) from error
        except ValueError as error:  # what cannot be put into a request
            raise Failed(f"{type(error).__name__}: {error}", again=False) from error
        content = self._without_key(content)
        status = response.status
        if status != 200:
            wait = retry_after(response.headers)
            message = f"HTTP {status}: {_message(content) or response.reason}"
            raise Failed(message, again=status in AGAIN, busy=status in BUSY, wait=wait)
        try:
            return read(json.loads(content), self._chat)
        except (ValueError, RecursionError):
            start = content[:SAID].decode(errors="replace")
            raise Failed(f"the reply is no JSON: {show(start)}", again=True) from None
        except Malformed as error:
            raise Failed(str(error)[:SAID], again=True) from error

    def _without_key(self, content: bytes) -> bytes:
        """What a server says, without the key, if it says that: a short word may be there by chance."""
        secret = self._key is not None and len(self._key) >= SECRET
        return content.replace((self._key or "").encode(), b"...") if secret else content

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()


async def _content(response: Any) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST:
            raise Failed(f"the reply has more than {LARGEST} bytes", again=False)
        parts.append(part)
    return b"".join(parts)


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


def _message(content: bytes) -> str:
    """What a server says of an error."""
    text = content.decode(errors="replace")
    try:
        found = json.loads(text)
        found = found.get("error", found.get("detail", found.get("message", found)))
        found = found.get("message", found) if isinstance(found, dict) else found
        text = found if isinstance(found, str) else json.dumps(found)
    except (ValueError, AttributeError, RecursionError):
        pass
    return " ".join(text.split())[:SAID]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: a number, or a date (RFC 9110, 10.2.3), or milliseconds as some write."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    return None
