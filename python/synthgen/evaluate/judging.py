"""What a response is worth: the one place where evaluations and exports ask the scorer."""

from __future__ import annotations

from ..batch import Score
from ..registry import get

TRUNCATED = Score(False, "", "truncated")


def judge(
    task: str,
    response: str | None,
    input_text: str,
    target: str,
    *,
    thoughts: str | None = None,
    cut: bool = False,
    continuation: bool = False,
) -> Score:
    """Our score of a response to a row.

    Thoughts that came in a field of their own are not scored. Where there is nothing else, the model did not come to
    its answer: that is as truncated as an open <think>. `cut` and `continuation` are those of `task.score`.
    """
    # Servers may send half of a character, at which nothing should end.
    said = (response or "").encode("utf-8", "replace").decode()
    if thoughts and not said.strip():
        return TRUNCATED
    found: Score = get(task).score(
        said, {"input_text": input_text, "target": target}, cut=cut, continuation=continuation
    )
    return found
