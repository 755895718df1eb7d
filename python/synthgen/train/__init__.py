"""Training: models, the feed, the loop, checkpoints, weights of other programs. Nothing here is imported before use."""

from typing import TYPE_CHECKING

from ..later import later

if TYPE_CHECKING:
    from .build import load
    from .config import RunConfig, compose
    from .generation import generate
    from .held_out import evaluate
    from .loop import Diverged, Result, train
    from .lora import LoraConfig, add_lora, load_adapter, merge_lora, save_adapter
    from .models import LanguageModel, ModelConfig, count_parameters, sized
    from .scores import Answers, Tally
    from .weights import load_pretrained, save_pretrained

_LATER = {
    "Answers": "scores",
    "Diverged": "loop",
    "LanguageModel": "models",
    "LoraConfig": "lora",
    "ModelConfig": "models",
    "Result": "loop",
    "RunConfig": "config",
    "Tally": "scores",
    "add_lora": "lora",
    "compose": "config",
    "count_parameters": "models",
    "evaluate": "held_out",
    "generate": "generation",
    "load": "build",
    "load_adapter": "lora",
    "load_pretrained": "weights",
    "merge_lora": "lora",
    "save_adapter": "lora",
    "save_pretrained": "weights",
    "sized": "models",
    "train": "loop",
}
"""Names, and the modules they come from."""

__all__ = [
    "Answers",
    "Diverged",
    "LanguageModel",
    "LoraConfig",
    "ModelConfig",
    "Result",
    "RunConfig",
    "Tally",
    "add_lora",
    "compose",
    "count_parameters",
    "evaluate",
    "generate",
    "load",
    "load_adapter",
    "load_pretrained",
    "merge_lora",
    "save_adapter",
    "save_pretrained",
    "sized",
    "train",
]

__getattr__, __dir__ = later(__name__, _LATER)
