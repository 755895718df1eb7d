"""The worked example of CONTRIBUTING.md: one Rust file, a registration and a page make a whole task."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COPIED = ["Cargo.toml", "Cargo.lock", ".cargo", "rust", "docs", "python"]
SCRIPT = """
import synthgen
batch = synthgen.largest.batch(50, seed=1, count=5)
for i in range(50):
    assert synthgen.largest.validate(batch.input_ids[i], batch.loss_mask[i], count=5).ok
    assert synthgen.largest.solve(batch.prompt(i)) == batch.answer(i) == str(max(batch.metadata(i)["numbers"]))
assert list(synthgen.tasks())[-1] == "largest"
assert len(synthgen.mix({"largest": 1, "dyna": 1}).batch(10)) == 10
"""


def blocks(language: str) -> list[str]:
    """The code blocks of the section on adding a task."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add a task")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)


@pytest.mark.slow
def test_the_worked_example_is_a_task(tmp_path: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(source, tmp_path / name)
    (code,), (registration,), (page,) = blocks("rust"), blocks("text"), blocks("markdown")
    tasks = tmp_path / "rust/synthgen/src/tasks"
    (tasks / "largest.rs").write_text(code)
    (tmp_path / "docs/tasks/largest.md").write_text(page)
    mod_line, row = registration.splitlines()
    listed = (tasks / "mod.rs").read_text()
    listed = listed.replace("pub mod dyna;", f"pub mod dyna;\n{mod_line}", 1)
    assert listed.rstrip().endswith("];")
    (tasks / "mod.rs").write_text(listed.rstrip()[:-2].rstrip().rstrip(",") + f",\n{row}\n];\n")

    own = os.environ | {
        "SYNTHGEN_ONLY": "largest",
        "CARGO_TARGET_DIR": str(tmp_path / "target"),
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    }

    def run(*command: str, **more: str) -> None:
        done = subprocess.run(command, cwd=tmp_path, env=own | more, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("cargo", "dev", "write")
    assert "class Params" in (tmp_path / "python/synthgen/_tasks/largest.py").read_text()
    assert "##" in (tmp_path / "rust/synthgen/tests/golden/largest.txt").read_text()
    assert "| `count` |" in (tmp_path / "docs/tasks/largest.md").read_text()
    run("cargo", "test", "--release", "--quiet", "--locked", "-p", "synthgen", "--lib", "--test", "conformance")
    run("cargo", "build", "--release", "--quiet", "--locked", "-p", "synthgen-py")
    built = next(
        path for path in (tmp_path / "target/release").glob("lib_native.*") if path.suffix in (".so", ".dylib")
    )
    shutil.copy(built, tmp_path / "python/synthgen/_native.abi3.so")
    run(sys.executable, "-c", SCRIPT, PYTHONPATH=str(tmp_path / "python"))
