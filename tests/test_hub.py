"""Pushing to the Hub, against a stand-in that the real client talks to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pyarrow.parquet as pq
import pytest
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars
from synthgen.data.hub import check, push
from synthgen.errors import DatasetError, ParamError

from .hub_server import DROP, TOKEN, Hub, serving
from .small_dataset import small_dataset

# The client's own way to send bytes, of which its own HTTP library disapproves.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

REPO = "me/small"
FORMATS = ("jsonl", "parquet", "bin")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    small_dataset(root, formats=FORMATS)
    return root


@pytest.fixture
def directory(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dataset"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A Hub with pages of three entries, and a client that knows no other."""
    with serving(page=3) as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        # The client waits longer and longer before it tries again; nothing here gets better by waiting.
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        monkeypatch.delenv("HF_OIDC_RESOURCE", raising=False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        disable_progress_bars()
        yield server
        enable_progress_bars()


def local_files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def sent(hub: Hub) -> dict[str, bytes]:
    return {name: content for name, content in hub.files(REPO).items() if name != ".gitattributes"}


def test_a_dataset_arrives_whole_and_alone(hub: Hub, directory: Path) -> None:
    expected = local_files(directory)
    for name in ("notes.txt", ".cache/huggingface/x", "parquet/x.parquet.1.tmp", "secrets/token"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("mine")
    assert push(directory, REPO) == f"{hub.url}/datasets/{REPO}"
    assert sent(hub) == expected
    assert not hub.repos[REPO].private


def test_card_and_manifest_come_last(hub: Hub, directory: Path) -> None:
    push(directory, REPO)
    last = {"manifest.json", "README.md", "metadata.json", "statistics.png"}
    before = hub.repos[REPO].commits[-2][1]
    assert set(before) == set(hub.files(REPO)) - last


READ = """
import json, sys
from datasets import load_dataset
for streaming in (False, True):
    splits = load_dataset(sys.argv[1], streaming=streaming)
    print(json.dumps({name: list(rows) for name, rows in splits.items()}))
"""


def test_datasets_reads_every_row_back(hub: Hub, directory: Path, tmp_path: Path) -> None:
    push(directory, REPO, private=True)
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    run = subprocess.run([sys.executable, "-c", READ, REPO], env=os.environ | env, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    whole, streamed = map(json.loads, run.stdout.splitlines())
    expected: dict[str, list[Any]] = {}
    for path in sorted((directory / "parquet").iterdir()):
        expected.setdefault(path.name.split("-", maxsplit=1)[0], []).extend(pq.read_table(path).to_pylist())
    assert whole == expected
    assert streamed == expected


@pytest.mark.parametrize("fault", [500, DROP])
def test_an_interrupted_push_sends_only_the_rest(hub: Hub, directory: Path, fault: int) -> None:
    arrived: list[str] = []

    def breaks(method: str, path: str) -> int | None:
        if method != "PUT":
            return None
        if len(arrived) >= 5:
            return fault
        arrived.append(path)
        return None

    hub.fault = breaks
    with pytest.raises(DatasetError, match=r"(?s)push to me/small: the upload broke off.*run the same command again"):
        push(directory, REPO)
    assert len(arrived) == 5
    assert set(sent(hub)) == set()
    hub.fault = lambda method, path: None
    before = hub.count("PUT", "/objects/")
    push(directory, REPO)
    assert sent(hub) == local_files(directory)
    assert hub.count("PUT", "/objects/") - before == len(hub.objects) - 5


def test_a_push_that_breaks_off_between_its_commits_is_resumed(hub: Hub, directory: Path) -> None:
    hub.fault = lambda method, path: 503 if "/commit/" in path and len(hub.repos[REPO].commits) == 2 else None
    with pytest.raises(DatasetError, match="broke off"):
        push(directory, REPO)
    assert "manifest.json" not in sent(hub)
    hub.fault = lambda method, path: None
    before = len(hub.repos[REPO].commits)
    push(directory, REPO)
    assert sent(hub) == local_files(directory)
    assert len(hub.repos[REPO].commits) == before + 1


def test_pushing_again_changes_nothing(hub: Hub, directory: Path) -> None:
    push(directory, REPO)
    commits, puts = len(hub.repos[REPO].commits), hub.count("PUT", "/objects/")
    push(directory, REPO)
    assert (len(hub.repos[REPO].commits), hub.count("PUT", "/objects/")) == (commits, puts)


def test_another_dataset_takes_the_place_of_the_first(hub: Hub, directory: Path, tmp_path: Path) -> None:
    push(directory, REPO)
    api = huggingface_hub.HfApi()
    mine = {"notes/mine.txt": b"mine", "other/train.csv": b"1", "train.csv": b"2"}
    for name, content in mine.items():
        api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=REPO, repo_type="dataset")
    small_dataset(tmp_path / "other", ("kv",), ("jsonl",))
    push(tmp_path / "other", REPO)
    assert sent(hub) == local_files(tmp_path / "other") | mine


def test_private_reaches_the_hub(hub: Hub, directory: Path) -> None:
    push(directory, REPO, private=True)
    assert hub.repos[REPO].private
    push(directory, REPO)
    assert hub.repos[REPO].private


def test_private_is_not_quietly_public(hub: Hub, directory: Path) -> None:
    push(directory, REPO)
    asked = len(hub.log)
    with pytest.raises(DatasetError, match="is there and public"):
        push(directory, REPO, private=True)
    assert not any(method == "PUT" or "commit" in path for method, path in hub.log[asked:])


PUSH = """
import sys, huggingface_hub.utils._http as http
http.time.sleep = lambda seconds: None
from synthgen.data.hub import push
push(sys.argv[1], sys.argv[2])
"""


def test_a_push_in_pieces_arrives_and_is_resumed(hub: Hub, directory: Path, tmp_path: Path) -> None:
    """As the client works unless told otherwise; in a process of its own, since its engine is set up once."""
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "0", "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", PUSH, str(directory), REPO]

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=os.environ | env, capture_output=True, check=False)

    hub.fault = lambda method, path: 503 if "/commit/" in path else None
    broken = run()
    assert b"run the same command again" in broken.stderr
    assert set(sent(hub)) == set()
    there = set(hub.pieces.xorbs)
    assert there
    hub.fault = lambda method, path: None
    whole = run()
    assert whole.returncode == 0, whole.stderr.decode()
    assert sent(hub) == local_files(directory)
    # Besides the data's pieces only those of the figure, which comes last.
    assert hub.count("POST", "/v1/xorbs/") == len(hub.pieces.xorbs) == len(there) + 1
    assert hub.count("PUT", "/objects/") == 0


WRONG = ["small", "me/", "/small", "me/small/more", "me/sm all", "-me/small", "me/small-", "me/.small", "me/small.git"]
WRONG += ["me/a--b", "me/a..b", "me/" + "x" * 97, "", "https://huggingface.co/datasets/me/small", "me/ümlaut", "me/a\n"]


@pytest.mark.parametrize("repo", WRONG)
def test_wrong_names_are_refused_before_any_work(hub: Hub, tmp_path: Path, repo: str) -> None:
    with pytest.raises(ParamError, match="user/name") as caught:
        push(tmp_path / "nothing", repo)
    assert caught.value.field == "hub_repo"
    assert hub.log == []


@pytest.mark.parametrize("repo", ["me/small", "a/b", "Me-2/a_b.c-1", "me/" + "x" * 96, "0/x_"])
def test_names_that_the_client_takes_are_taken(hub: Hub, repo: str) -> None:
    assert check(repo) == repo
    validate_repo_id(repo)
    assert hub.log == []


def test_without_a_token_nothing_is_tried(hub: Hub, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    with pytest.raises(DatasetError, match="HF_TOKEN"):
        check(REPO)
    with pytest.raises(DatasetError, match="HF_TOKEN"):
        push(directory, REPO)
    assert hub.log == []
    push(directory, REPO, token=TOKEN)
    assert sent(hub) == local_files(directory)


def test_a_token_that_may_not_write_gives_one_clear_error(hub: Hub, directory: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be made.*HF_TOKEN"):
        push(directory, REPO, token="hf_other")


def test_a_card_that_the_hub_refuses_stops_the_push_before_the_data(hub: Hub, directory: Path) -> None:
    text = (directory / "README.md").read_text()
    damaged = text.replace("size_categories:\n- n<1K", "size_categories:\n- many")
    (directory / "README.md").write_text(damaged)
    # As long as before: only its content is wrong.
    entry = json.loads((directory / "manifest.json").read_text())
    entry["files"]["README.md"]["bytes"] = len(damaged.encode())
    (directory / "manifest.json").write_text(json.dumps(entry))
    with pytest.raises(DatasetError, match=r"refuses the card.*size_categories"):
        push(directory, REPO)
    assert hub.count("PUT", "/objects/") == 0


def no_manifest(root: Path) -> None:
    (root / "manifest.json").unlink()


def unfinished(root: Path) -> None:
    (root / ".synthgen").mkdir()


def unreadable(root: Path) -> None:
    (root / "manifest.json").write_text("{")


def no_shards(root: Path) -> None:
    (root / "manifest.json").write_text("{}")


def missing_file(root: Path) -> None:
    (root / "parquet/train-00001-of-00002.parquet").unlink()


def cut_file(root: Path) -> None:
    (root / "bin/train-00001-of-00002.bin").write_bytes(b"")


def foreign_shard(root: Path) -> None:
    (root / "parquet/train-00000-of-00007.parquet").write_bytes(b"")


SPOILT = {
    no_manifest: "no complete dataset",
    unfinished: "not finished",
    unreadable: "cannot be read",
    no_shards: "not a manifest",
    missing_file: "is missing.*rebuild",
    cut_file: "another length.*rebuild",
    foreign_shard: "no file of this dataset",
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_what_is_no_complete_dataset_is_refused(hub: Hub, directory: Path, spoil: Any) -> None:
    spoil(directory)
    with pytest.raises(DatasetError, match=SPOILT[spoil]):
        push(directory, REPO)
    assert hub.log == []
