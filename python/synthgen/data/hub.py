"""Send a dataset directory to the Hugging Face Hub, whole and once: a push that broke off is resumed by the same call.

    check("me/name")             before any work: the name, the client, a token
    push("data/depo", "me/name") the files that the manifest names; card and manifest come last

Files are sent by the client's own `upload_folder`, which leaves out what has arrived. What is no file of the dataset
stays here; files of an earlier dataset of synthgen in the same repository are deleted, as they would be loaded with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..checks import extra
from ..errors import DatasetError, param_error

MANIFEST = "manifest.json"
UNFINISHED = ".synthgen"
LAST = (MANIFEST, "README.md", "metadata.json", "statistics.png")
"""Sent when the data has arrived, so that a repository with this manifest is whole."""
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_SHARD = re.compile(
    r"(?:jsonl|parquet|arrow|bin|npy)/(?:train|validation|test)-\d{5,}-of-\d{5,}\.[a-z.]+"
    r"|(?:train|validation|test)\.jsonl(?:\.gz|\.zst)?"
)
"""Names that only a dataset of synthgen gives, and that a card's patterns would find."""
_HINT = re.compile(r"For more information check: \S+")
_NUMBER = re.compile(r"-\d+-of-\d+(?=\.)")


def check(repo: str, *, token: str | None = None) -> str:
    """Refuse what a push would fail at, without asking the Hub; return the repository's name.

    Raises ParamError for a name that is not `user/name`, DatasetError without a token, ModuleNotFoundError without the
    client. `token` defaults to the one that the client finds: HF_TOKEN, or that of `hf auth login`.
    """
    parts = repo.split("/") if isinstance(repo, str) else []
    bad = any(not _PART.fullmatch(part) or "--" in part or ".." in part or part.endswith(".git") for part in parts)
    if len(parts) != 2 or bad:
        allowed = (
            "allowed: user/name, each of at most 96 letters, digits, '-', '_' and '.', "
            "beginning with a letter or digit, without '--', '..' or '.git' at the end; for example me/depo-10m"
        )
        raise param_error(None, "hub_repo", repo, allowed)
    client = extra("huggingface_hub", "data")
    if not (token or client.get_token()):
        raise DatasetError("no token for the Hub: set HF_TOKEN to one that may write, or run `hf auth login`")
    return repo


def push(directory: str | Path, repo: str, *, private: bool = False, token: str | None = None) -> str:
    """Send a dataset to the repository `user/name`, made if it is not there; return its address.

    `private` makes a new repository private. Raises ParamError for a wrong name, and DatasetError for a directory that
    holds no complete dataset, for a repository that is public though `private` was asked for, and for any error of the
    client.
    """
    check(repo, token=token)
    root = Path(directory)
    data = dataset_files(root)
    client = extra("huggingface_hub", "data")
    api = client.HfApi(token=token, library_name="synthgen")
    last = [name for name in LAST if (root / name).is_file()]
    with _client_errors(repo, "the repository cannot be made"):
        url = str(api.create_repo(repo, repo_type="dataset", private=private or None, exist_ok=True))
        public = private and not api.repo_info(repo, repo_type="dataset").private
    if public:
        raise DatasetError(f"{repo} is there and public: make it private on the Hub, or give another name")
    if "README.md" in last:
        with _client_errors(repo, "the Hub refuses the card"):
            client.DatasetCard.load(root / "README.md").validate()
    with _client_errors(repo, "the upload broke off"):
        there = api.list_repo_files(repo, repo_type="dataset")
        stale = [name for name in there if _SHARD.fullmatch(name) and name not in data]
        _upload(api, root, repo, _patterns(data), "Data", delete_patterns=stale or None)
        _upload(api, root, repo, last, "Card and manifest")
    return url


def dataset_files(root: Path) -> set[str]:
    """Names of a dataset's files, without those that come last.

    Raises DatasetError if the dataset is not finished, if a file is missing or has another length than the manifest
    says, or if a foreign file could be taken for one of the dataset's.
    """
    manifest = _manifest(root)
    try:
        entries = {name: entry for shard in manifest["shards"] for name, entry in shard["files"].items()}
        entries |= manifest["files"]
        sizes = {str(name): int(entry["bytes"]) for name, entry in entries.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{root / MANIFEST} is not a manifest of synthgen: {error!r}") from error
    for name, size in sizes.items():
        path = root / name
        if not path.is_file() or path.stat().st_size != size:
            what = "has another length than the manifest says" if path.is_file() else "is missing"
            raise DatasetError(
                f"{path} {what}: make its shard again (`synthgen rebuild {root} --shard K`), then push again"
            )
    for path in (path for folder in {Path(name).parent for name in sizes} for path in (root / folder).iterdir()):
        name = path.relative_to(root).as_posix()
        if _SHARD.fullmatch(name) and name not in sizes:
            raise DatasetError(f"{path} is no file of this dataset, but would be loaded with it: remove it first")
    return set(sizes) - set(LAST)


def _manifest(root: Path) -> Any:
    """The manifest of a finished dataset."""
    if (root / UNFINISHED).exists():
        raise DatasetError(f"the dataset in {root} is not finished: run its `synthgen generate` again, then push")
    try:
        return json.loads((root / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{root} holds no complete dataset of synthgen: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{root / MANIFEST} cannot be read: {error}") from error


def _patterns(names: set[str]) -> list[str]:
    """Few patterns for many names: a shard's number is left open."""
    return sorted({_NUMBER.sub("-*-of-*", name) for name in names})


def _upload(api: Any, root: Path, repo: str, patterns: list[str], message: str, **options: Any) -> None:
    api.upload_folder(
        repo_id=repo,
        repo_type="dataset",
        folder_path=root,
        allow_patterns=patterns,
        ignore_patterns=[f"{UNFINISHED}/*", ".cache/*", "*.tmp"],
        commit_message=f"{message} (synthgen)",
        **options,
    )


@contextmanager
def _client_errors(repo: str, what: str) -> Iterator[None]:
    """Turn whatever the client raises into one error that says how to go on."""
    try:
        yield
    except Exception as error:
        status = _status(error)
        if status in (401, 403):
            way = "give a token that may write there, in HF_TOKEN or by `hf auth login`"
        elif isinstance(error, ValueError) and status is None and not isinstance(error, OSError):
            way = "correct it and push again"
        else:
            way = "run the same command again: what has arrived is not sent twice"
        raise DatasetError(f"push to {repo}: {what}: {_reason(error)}; {way}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _status(error: BaseException) -> int | None:
    """Status of the Hub's answer, if it gave one."""
    found = (getattr(getattr(link, "response", None), "status_code", None) for link in _chain(error))
    return next((status for status in found if status is not None), None)


def _reason(error: BaseException) -> str:
    """What went wrong, on one line: the client wraps the Hub's own words in its, and often says them twice."""
    found: list[str] = []
    for link in _chain(error):
        words = " ".join(_HINT.sub("", str(link)).split()) or type(link).__name__
        if not any(words in known for known in found):
            found.append(words)
    text = " <- ".join(found)
    return text if len(text) <= 500 else text[:497] + "..."
