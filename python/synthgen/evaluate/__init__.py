"""Evaluation: questions of any task put to any model, scored, kept, compared and reported.

Nothing here is imported before it is used.
"""

from typing import TYPE_CHECKING

from ..later import later

if TYPE_CHECKING:
    from .comparison import Comparison, compare
    from .questions import Question, Questions, Shot
    from .reporting import report
    from .rescoring import Rescored, rescore
    from .run import Evaluation, Pace, Result, evaluate
    from .store import rows
    from .summary import summarise

_LATER = {
    "Comparison": "comparison",
    "Evaluation": "run",
    "Pace": "run",
    "Question": "questions",
    "Questions": "questions",
    "Rescored": "rescoring",
    "Result": "run",
    "Shot": "questions",
    "compare": "comparison",
    "evaluate": "run",
    "report": "reporting",
    "rescore": "rescoring",
    "rows": "store",
    "summarise": "summary",
}
"""Names, and the modules they come from."""

__all__ = [
    "Comparison",
    "Evaluation",
    "Pace",
    "Question",
    "Questions",
    "Rescored",
    "Result",
    "Shot",
    "compare",
    "evaluate",
    "report",
    "rescore",
    "rows",
    "summarise",
]

__getattr__, __dir__ = later(__name__, _LATER)
