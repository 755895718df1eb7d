"""With transformers and peft: weights and adapters give the same logits here and in PyTorch."""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import synthgen
from flax import nnx
from synthgen.train.lora import LoraConfig, add_lora, load_adapter, merge_lora, save_adapter
from synthgen.train.models import LanguageModel, ModelConfig
from synthgen.train.weights import load_pretrained, save_pretrained

from tests.test_weights import GPT2, jiggled

pytestmark = pytest.mark.heavy

SMALL: dict[str, Any] = {"vocab_size": 61, "bos_token_id": 1, "eos_token_id": 2}
LLAMA: dict[str, Any] = {
    **SMALL,
    "hidden_size": 48,
    "intermediate_size": 88,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
SCALING = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
TORCH: dict[str, dict[str, Any]] = {
    "llama": LLAMA,
    "llama, tied": {**LLAMA, "tie_word_embeddings": True},
    "llama, wider heads, theta": {**LLAMA, "head_dim": 22, "num_key_value_heads": 1, "rope_theta": 1234.5},
    "llama, biases": {**LLAMA, "attention_bias": True, "mlp_bias": True, "rms_norm_eps": 1e-3},
    "llama 3.1": {**LLAMA, "rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, **SCALING}},
    "gpt2": {**SMALL, "n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 64},
    "gpt2, untied": {
        **SMALL, "n_embd": 48, "n_layer": 3, "n_head": 3, "n_positions": 64, "n_inner": 80, "tie_word_embeddings": False
    },
}  # fmt: skip
OURS: dict[str, dict[str, Any]] = {
    "llama": {"tie_embeddings": False, "num_kv_heads": 2},
    "llama, tied": {"head_dim": 22, "rope_theta": 1234.5, "max_positions": 100},
    "llama, biases, scaled rope": {"bias": True, "rope_theta": 5e5, "rope_scaling": (8.0, 1.0, 4.0, 32)},
    "gpt2": {**GPT2, "max_positions": 64},
    "gpt2, untied": {**GPT2, "max_positions": 64, "tie_embeddings": False, "mlp_width": 80, "norm_eps": 1e-5},
}
both_families = pytest.mark.parametrize("kind", ["llama", "gpt2"])
with_rslora = pytest.mark.parametrize("rslora", [False, True])
IDS = np.random.default_rng(0).integers(0, 61, (3, 50))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def shaken(model: Any, seed: int, only: str = "") -> Any:
    """Move the parameters of a torch model that have `only` in their names, so that each of them matters."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if only in name:
                parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def torch_of(kind: str) -> Any:
    import transformers

    name = "GPT2" if kind.startswith("gpt2") else "Llama"
    config = getattr(transformers, f"{name}Config")(**TORCH[kind])
    return shaken(getattr(transformers, "GPT2LMHeadModel" if name == "GPT2" else "LlamaForCausalLM")(config), 0)


def ours_of(kind: str, vocab_size: int = 61) -> LanguageModel:
    config = ModelConfig(vocab_size, width=48, num_layers=3, num_heads=4)
    return jiggled(LanguageModel(dataclasses.replace(config, **OURS[kind]), nnx.Rngs(0)), nnx.Param, 0)


def logits_of(model: Any) -> Any:
    """Logits of the test's ids, by either library."""
    import torch

    if isinstance(model, LanguageModel):
        return np.asarray(model(jnp.asarray(IDS, jnp.int32)))
    with torch.no_grad():
        return model(torch.from_numpy(IDS)).logits.float().numpy()


def assert_agree(model: Any, other: Any) -> None:
    ours, theirs = logits_of(model), logits_of(other)
    gap = float(np.abs(ours - theirs).max())
    print(f"largest difference {gap:.1e} of logits up to {np.abs(theirs).max():.1f}")
    assert np.abs(theirs).max() > 1
    assert gap <= 1e-4


@pytest.mark.parametrize("kind", TORCH)
def test_models_of_torch_have_the_same_logits_here(kind: str, tmp_path: Path) -> None:
    model = torch_of(kind)
    model.save_pretrained(tmp_path)
    assert_agree(load_pretrained(tmp_path), model)


def test_shards_and_halves_of_torch_are_read(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    torch_of("llama").to(torch.bfloat16).save_pretrained(tmp_path, max_shard_size="100KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert_agree(load_pretrained(tmp_path), AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval())


@pytest.mark.parametrize("kind", OURS)
def test_models_of_ours_have_the_same_logits_in_torch(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = ours_of(kind)
    save_pretrained(model, tmp_path / "one")
    read, notes = AutoModelForCausalLM.from_pretrained(tmp_path / "one", output_loading_info=True)
    assert not any(notes.values())
    assert_agree(model, read.eval())


@both_families
@pytest.mark.parametrize("library", ["tokenizers", "transformers"])
def test_a_model_and_its_tokenizer_are_used_together(kind: str, library: Any, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    task = synthgen.kv
    model = ours_of(kind, len(task.vocab))
    save_pretrained(model, tmp_path / "one", tokenizer=task.tokenizer(library))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "one").eval()
    batch = task.batch(20, 0, difficulty=1)
    for i in range(20):
        text, ids = batch.text(i), batch.input_ids[i, : batch.lengths[i]].tolist()
        assert tokenizer(text)["input_ids"] == [1, *(one for one in ids if one > 2)]
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
    for config in (read.config, read.generation_config, tokenizer):
        assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (0, 1, 2)
    prompt = tokenizer(batch.text(0), return_tensors="pt")["input_ids"][:, :10]
    made = read.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=8, do_sample=False)[0].tolist()
    ids = prompt[0].tolist()
    while len(ids) < len(made):
        ids.append(int(model(jnp.asarray([ids], jnp.int32))[0, -1].argmax()))
    assert ids == made


TARGETS = {"llama": ("q_proj", "k_proj", "v_proj", "gate_proj", "down_proj"), "gpt2": ("c_attn", "c_proj", "mlp.c_fc")}


@both_families
@with_rslora
@pytest.mark.parametrize("targets", ["some", "all"])
def test_adapters_of_ours_have_the_same_logits_in_peft(kind: str, rslora: bool, targets: str, tmp_path: Path) -> None:
    from peft import PeftModel

    base = torch_of(kind)
    base.save_pretrained(tmp_path / "base")
    model = load_pretrained(tmp_path / "base")
    names = TARGETS[kind] if targets == "some" else None
    add_lora(model, LoraConfig(r=4, alpha=6, rslora=rslora, target_modules=names, dropout=0.1), seed=0)
    jiggled(model, nnx.LoRAParam, 1)
    save_adapter(model, tmp_path / "adapter", base_model=str(tmp_path / "base"))
    plain = logits_of(base)
    read = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert np.abs(logits_of(read) - plain).max() > 0.1
    assert_agree(model, read)
    merge_lora(model)
    assert_agree(model, read)


@both_families
@with_rslora
@pytest.mark.parametrize("targets", ["some", "all-linear", "one layer"])
def test_adapters_of_peft_have_the_same_logits_here(kind: str, rslora: bool, targets: str, tmp_path: Path) -> None:
    import peft

    base = torch_of(kind)
    base.save_pretrained(tmp_path / "base")
    chosen: Any = "all-linear" if targets == "all-linear" else list(TARGETS[kind])
    layers = [1] if targets == "one layer" else None
    config = peft.LoraConfig(
        r=4, lora_alpha=6, use_rslora=rslora, target_modules=chosen, layers_to_transform=layers, task_type="CAUSAL_LM"
    )
    model = shaken(peft.get_peft_model(base, config), 1, only="lora_")
    model.save_pretrained(tmp_path / "adapter")
    ours = load_pretrained(tmp_path / "base")
    plain = logits_of(ours)
    assert load_adapter(ours, tmp_path / "adapter").rslora == rslora
    assert np.abs(logits_of(ours) - plain).max() > 0.1
    assert_agree(ours, model)


@pytest.mark.parametrize("change", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "lora_only"}])
def test_adapters_of_peft_that_we_have_not_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    import peft

    base = torch_of("llama")
    base.save_pretrained(tmp_path / "base")
    config = peft.LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM", **change)
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "adapter")
    with pytest.raises(synthgen.WeightsError, match=rf"adapter_config\.json: {next(iter(change))} = .*supported"):
        load_adapter(load_pretrained(tmp_path / "base"), tmp_path / "adapter")
