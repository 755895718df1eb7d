"""Does pre-training on copy tasks help with tasks that need retrieval? Arms, held-out sets, and a verdict."""

from typing import TYPE_CHECKING

from ...later import later

if TYPE_CHECKING:
    from .ablations import ablate
    from .evaluators import (
        Evaluator,
        InContextLearningEvaluator,
        JsonlEvaluator,
        RetrievalQAEvaluator,
        Score,
        TaskEvaluator,
        score,
    )
    from .experiment import CopyTaskExperiment, Outcome
    from .report import save, tell
    from .results import Conclusion, conclude
    from .settings import CopyConfig, compose

_LATER = {
    "Conclusion": "results",
    "CopyConfig": "settings",
    "CopyTaskExperiment": "experiment",
    "Evaluator": "evaluators",
    "InContextLearningEvaluator": "evaluators",
    "JsonlEvaluator": "evaluators",
    "Outcome": "experiment",
    "RetrievalQAEvaluator": "evaluators",
    "Score": "evaluators",
    "TaskEvaluator": "evaluators",
    "ablate": "ablations",
    "compose": "settings",
    "conclude": "results",
    "save": "report",
    "score": "evaluators",
    "tell": "report",
}

__all__ = [
    "Conclusion",
    "CopyConfig",
    "CopyTaskExperiment",
    "Evaluator",
    "InContextLearningEvaluator",
    "JsonlEvaluator",
    "Outcome",
    "RetrievalQAEvaluator",
    "Score",
    "TaskEvaluator",
    "ablate",
    "compose",
    "conclude",
    "save",
    "score",
    "tell",
]

__getattr__, __dir__ = later(__name__, _LATER)
