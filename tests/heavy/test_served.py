"""A model of ours behind a real server: trained here, exported, served by transformers, and evaluated both ways."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from synthgen.cli import main
from synthgen.evaluate import rows
from synthgen.train import train

pytestmark = pytest.mark.heavy

TASKS = ["--tasks", "copying", "--num-symbols", "32", "--num-items", "2,6"]
QUESTIONS = ["--difficulties", "1", "--samples-per-combo", "60", "--prompt", "plain", "--quiet", "--max-tokens", "24"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama that has learned some of its task, with its tokenizer and chat template beside it."""
    root = tmp_path_factory.mktemp("served")
    rows_of = ["dataset.config.num_symbols=32", "dataset.config.num_items=[2,6]"]
    sizes = ["model.width=64", "model.num_layers=2", "model.num_heads=4", "optimizer.lr=3e-3", "train.batch_size=64"]
    settings = ["task=copying", *rows_of, *sizes, "train.max_steps=300", "train.export=true", "logging.figures=false"]
    return train([*settings, "logging.progress=false", f"output_dir={root / 'run'}"]).directory


@contextlib.contextmanager
def served(model: Path, home: Path) -> Iterator[str]:
    """Serve a folder by `transformers serve`; the base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "hub").mkdir(parents=True)
    own = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "CUDA_VISIBLE_DEVICES": ""}
    words = ["serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    command = [str(Path(sys.executable).parent / "transformers"), *words]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=own, stdout=log, stderr=subprocess.STDOUT)
        try:
            while True:
                assert process.poll() is None, (home / "log").read_text()
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                    break
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()


def test_a_served_model_scores_as_it_does_in_this_process(run: Path, tmp_path: Path) -> None:
    exported = run / "pretrained"
    assert main(["evaluate", "--checkpoint", str(run), "--output-dir", str(tmp_path / "here"), *TASKS, *QUESTIONS]) == 0
    folder = ["--checkpoint", str(exported), "--output-dir", str(tmp_path / "folder")]
    assert main(["evaluate", *folder, *TASKS, *QUESTIONS]) == 0
    with served(exported, tmp_path / "home") as url:
        asked = ["--base-url", url, "--model", str(exported), "--max-concurrent", "4"]
        assert main(["evaluate", *asked, "--output-dir", str(tmp_path / "chat"), *TASKS, *QUESTIONS]) == 0
        text = ["--completions", "--output-dir", str(tmp_path / "text")]
        assert main(["evaluate", *asked, *text, *TASKS, *QUESTIONS]) == 0
    found = {
        name: {row["sample_id"]: (row["raw_response"], row["outcome"]) for row in rows(tmp_path / name)}
        for name in ("here", "folder", "chat", "text")
    }
    assert len(found["here"]) == 60
    assert found["chat"] == found["here"]
    assert found["folder"] == found["text"] == found["here"]
    accuracies = [
        json.loads((tmp_path / name / "summary.json").read_text())["overall"]["accuracy"] for name in ("here", "chat")
    ]
    assert accuracies[0] == accuracies[1]
    assert 0.2 < accuracies[0] <= 1  # something was learned
