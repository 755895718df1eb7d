"""Adapters on the Hub: pushed where the settings ask for it, and never otherwise."""

from __future__ import annotations

from pathlib import Path

from ...checks import extra
from ...data.hub import check
from ...errors import DatasetError
from ...train.loop import EXPORTED
from .settings import Settings


def target(settings: Settings) -> str | None:
    """The repository of a seed's adapters, its own for each seed; None where nothing is pushed.

    Raises ParamError for a name that cannot be, DatasetError without a token.
    """
    own = settings.finetune
    if not (own["push_to_hub"] or own["save_checkpoints_to_hub"]):
        return None
    return check(f"{own['finetuned_model_id']}_seed_{settings.seed}")


def push(training: Path, repo: str, *, private: bool) -> str:
    """Send the exported adapters of a run to a repository, made if it is not there. Raises DatasetError."""
    client = extra("huggingface_hub", "data")
    api = client.HfApi(library_name="synthgen")
    try:
        url = str(api.create_repo(repo, repo_type="model", private=private, exist_ok=True))
        api.upload_folder(repo_id=repo, repo_type="model", folder_path=training / EXPORTED)
    except Exception as error:  # the client raises whatever its parts raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(f"push to {repo}: {reason[:300]}; the adapters are in {training / EXPORTED}") from error
    return url
