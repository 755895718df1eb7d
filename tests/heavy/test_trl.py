"""With TRL: GRPO trains on the exported prompts, and its rewards are our scores of the same completions."""

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from synthgen.evaluate.judging import judge
from synthgen.evaluate.prompts import messages, text
from synthgen.export.trl import export, said

from tests.export_cases import few

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("completions", [False, True])
def test_rewards_of_a_training_are_our_scores(
    completions: bool, tmp_path: Path, tiny_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    trl = importlib.import_module("trl")
    questions = replace(few(16, split="train"), tasks=["logic"], difficulties=[1])
    folder = export(tmp_path / "prompts", questions, style="plain", completions=completions, held_out=4)
    rows = importlib.import_module("datasets").load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows[split]) for split in rows} == {"train": 16, "test": 4}
    for row, question in zip(rows["train"], questions, strict=True):
        asked = text(question, "plain", {}) if completions else messages(question, "plain", {})
        assert row["prompt"] == asked
        assert (row["sample_id"], row["target"]) == (question.sample_id, question.target)

    spec = importlib.util.spec_from_file_location("reward_of_prompts", folder / "reward.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seen: list[tuple[dict[str, Any], list[float]]] = []

    def reward(**given: Any) -> Any:
        seen.append((given, module.reward(**given)))
        return seen[-1][1]

    model, answers = tiny_llama("logic", (" 0", " 1"), tmp_path / "model")
    config = trl.GRPOConfig(
        output_dir=str(tmp_path / "out"),
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=1,
        max_steps=2,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        generation_kwargs={"suppress_tokens": answers},
    )
    trainer = trl.GRPOTrainer(model=str(model), reward_funcs=reward, args=config, train_dataset=rows["train"])
    trainer.train()
    assert len(seen) == 2
    logged = [entry["rewards/reward/mean"] for entry in trainer.state.log_history if "rewards/reward/mean" in entry]
    assert len(logged) == 2
    for (given, rewards), mean in zip(seen, logged, strict=True):
        ours = [
            judge(task, said(one), prompt, target, continuation=completions)
            for one, task, prompt, target in zip(
                given["completions"], given["task"], given["input_text"], given["target"], strict=True
            )
        ]
        assert all(isinstance(one, str) == completions for one in given["completions"])
        assert rewards == [float(one.correct) for one in ours]
        assert mean == pytest.approx(sum(rewards) / len(rewards))
    # A model that says 0 or 1 is right now and then.
    assert 0 < sum(sum(rewards) for _, rewards in seen) < 16
