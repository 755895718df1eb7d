"""What a server says: the text of an answer, out of any of the forms that servers give it."""

from __future__ import annotations

from typing import Any, NamedTuple

REASONING = ("reasoning_content", "reasoning")
"""Fields of a message in which servers put what was thought before the answer."""


class Malformed(Exception):
    """A reply that is no completion."""


class Reply(NamedTuple):
    """A model's answer to one question."""

    text: str
    reasoning: str | None = None  # kept, and never scored
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


def read(body: Any, chat: bool) -> Reply:
    """Read the body of a reply. Raises Malformed."""
    if not isinstance(body, dict):
        raise Malformed(f"the reply is {type(body).__name__}, no object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed(_said(body) or "the reply has no choices")
    choice = choices[0]
    if choice.get("error") is not None or choice.get("finish_reason") == "error":
        raise Malformed(_said(choice) or "the server says that it failed")
    reasoning = None
    if chat:
        message = choice.get("message")
        if not isinstance(message, dict):
            raise Malformed("the reply's choice has no message")
        content = joined(message.get("content"))
        reasoning = next((found for name in REASONING if (found := joined(message.get(name)))), None)
        content = joined(message.get("refusal")) if content is None else content
    else:
        content = joined(choice.get("text"))
    if content is None and reasoning is None and not choice.get("finish_reason"):
        raise Malformed("the reply's choice has no content")
    finish = choice.get("finish_reason")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(
        content or "",
        reasoning,
        finish if isinstance(finish, str) else None,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def joined(content: Any) -> str | None:
    """A text, or the texts of a list of parts; thoughts among the parts are left out."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
            # Some servers write {"text": {"value": ..}}.
            found = part.get("text")
            found = found.get("value") if isinstance(found, dict) else found
            parts.append(found if isinstance(found, str) else "")
    return "".join(parts)


def _said(body: dict[str, Any]) -> str:
    """What a reply says of an error, if it does."""
    error = body.get("error", body.get("detail", body.get("message")))
    error = error.get("message", error) if isinstance(error, dict) else error
    return "" if error is None else f"the server says: {error}"


def _count(value: Any) -> int:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53
    return value if good else 0
