"""What tests of several files ask for by name."""

import os
import tempfile
from pathlib import Path

import pytest
from synthgen.cli import main

from tests.dataset_files import EVERY, SMALL, Cli, command, entries, run


def pytest_configure(config: pytest.Config) -> None:
    """Let tests, their workers and child processes compile a program of JAX once for all of them."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="synthgen-compiled-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder.name
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line here; return its exit status and what it printed."""

    def here(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return here


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset in all formats that nothing has disturbed."""
    root = tmp_path_factory.mktemp("whole") / "data"
    assert run(command("merged", EVERY, root, *SMALL, tokens="150K"))[0] == 0
    assert len(entries(root)) == 9
    return root
