"""A server of chats and completions on this machine, whose answers and faults a test decides."""

import asyncio
import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Body = Mapping[str, Any]


class Say(NamedTuple):
    """What the server does with a request."""

    status: int = 200
    content: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    reset: bool = False  # break the connection in place of an answer
    hang: bool = False  # say nothing until the client goes away
    drip: bool = False  # begin an answer, and go on for ever a byte at a time


Answer = Callable[[Body, int], Say]
"""Gives the answer to a request: its body, and how many requests there were with the same question before."""


def question_of(body: Body) -> str:
    """The last thing that a request says."""
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


def reply(text: Any, chat: bool = True, finish: str | None = "stop", **message: Any) -> Say:
    """An ordinary answer."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    choice |= {"message": {"role": "assistant", "content": text, **message}} if chat else {"text": text}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    whole = {"id": "chat-1", "object": "chat.completion", "created": 0, "model": "any", "choices": [choice]}
    return Say(content=json.dumps(whole | {"usage": usage}).encode())


class Running:
    """A server that runs: its address, and what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.requests: list[tuple[Body, dict[str, str]]] = []
        self.keep = True
        self.port = 0
        self.active = self.most = 0
        self._reached: list[tuple[int, threading.Event]] = []
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def reached(self, requests: int) -> threading.Event:
        """An event that is set when so many requests have come."""
        event = threading.Event()
        self._reached.append((requests, event))
        return event

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                }
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
                self.active += 1
                self.most = max(self.most, self.active)
                try:
                    if not await self._one(body, headers, reader, writer):
                        return
                finally:
                    self.active -= 1

    async def _one(
        self, body: Body, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        question = question_of(body)
        before = self.asked[question]
        self.asked[question] += 1
        if self.keep:
            self.requests.append((body, headers))
        for count, event in self._reached:
            if self.asked.total() >= count:
                event.set()
        say = self.answer(body, before)
        if say.hang:
            await reader.read()
            return False
        if say.reset:
            writer.transport.abort()
            return False
        own = (("Content-Length", str(len(say.content) + 10**6 * say.drip)),)
        lines = [f"HTTP/1.1 {say.status} Told", *(f"{name}: {value}" for name, value in (*say.headers, *own))]
        writer.write("\r\n".join([*lines, "", ""]).encode() + say.content)
        await writer.drain()
        while say.drip:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
        return True


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[Running]:
    """Run a server in a thread."""
    running = Running(answer)
    thread = threading.Thread(target=lambda: asyncio.run(running._serve()), daemon=True)
    thread.start()
    running._ready.wait()
    try:
        yield running
    finally:
        running._loop.call_soon_threadsafe(running._stop.set)
        thread.join()


def number(*parts: object) -> int:
    """A number that follows from what it is asked for."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")


HTML = (("Content-Type", "text/html"),)


def fault(kind: str) -> Say:
    """What goes wrong with servers."""
    return {
        "busy": Say(429, b'{"error": {"message": "slow down"}}', (("Retry-After", "0.02"),)),
        "overloaded": Say(503, b"overloaded", (("retry-after-ms", "20"),)),
        "broken": Say(500, b'{"error": "internal"}'),
        "reset": Say(reset=True),
        "hang": Say(hang=True),
        "drip": Say(drip=True),
        "cut": Say(content=b'{"choices": [{"mess'),
        "html": Say(content=b"<html>Bad gateway</html>", headers=HTML),
        "page": Say(502, b"<html>Bad gateway</html>", HTML),
        "empty": Say(content=b'{"choices": []}'),
        "nothing": Say(content=b""),
        "list": Say(content=b"[1, 2]"),
    }[kind]


FAULTS = ("busy", "overloaded", "broken", "reset", "hang", "drip", "cut", "html", "page", "empty", "nothing", "list")
