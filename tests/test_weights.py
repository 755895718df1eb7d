"""Weights in transformers' files, adapters in PEFT's: nothing is lost on the way, and what does not fit is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import synthgen
from flax import nnx
from safetensors.numpy import load_file, save_file
from synthgen.train.counterpart import tensors
from synthgen.train.lora import LoraConfig, add_lora, load_adapter, merge_lora, save_adapter
from synthgen.train.models import LanguageModel, ModelConfig, count_parameters
from synthgen.train.weights import load_pretrained, save_pretrained

LLAMA = ModelConfig(29, width=24, num_layers=2, num_heads=4, num_kv_heads=2, mlp_width=20, tie_embeddings=False)
GPT2: dict[str, Any] = {"num_kv_heads": None, "norm": "layer", "bias": True, "positions": "learned", "mlp": "gelu"}
KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama, tied, heads of their own width": {"tie_embeddings": True, "head_dim": 10, "num_kv_heads": 1},
    "llama, biases, scaled rope": {"bias": True, "rope_theta": 5e5, "rope_scaling": (8.0, 1.0, 4.0, 64)},
    "gpt2": {**GPT2, "max_positions": 16, "tie_embeddings": True},
    "gpt2, untied": {**GPT2, "max_positions": 16, "norm_eps": 1e-5},
}
every_kind = pytest.mark.parametrize("kind", KINDS)
both_families = pytest.mark.parametrize("kind", ["llama", "gpt2"])
IDS = jnp.asarray(np.random.default_rng(0).integers(0, 29, (2, 12)), jnp.int32)


def model_of(kind: str, seed: int = 0) -> LanguageModel:
    """A model whose biases and scales are not what they begin as."""
    model = LanguageModel(dataclasses.replace(LLAMA, **KINDS[kind]), nnx.Rngs(seed))
    return jiggled(model, nnx.Param, seed)


def jiggled(model: LanguageModel, what: type[nnx.Variable[Any]], seed: int) -> LanguageModel:
    rng = np.random.default_rng(seed)
    state = nnx.state(model, what)
    nnx.update(model, jax.tree.map(lambda leaf: leaf + 0.1 * rng.normal(size=leaf.shape).astype(np.float32), state))
    return model


def flat(model: LanguageModel) -> dict[Any, Any]:
    return {path: np.asarray(one[...]) for path, one in nnx.to_flat_state(nnx.state(model, nnx.Param))}


def assert_same(model: LanguageModel, other: LanguageModel) -> None:
    ours, theirs = flat(model), flat(other)
    assert ours.keys() == theirs.keys()
    for path, values in ours.items():
        assert np.array_equal(values, theirs[path]), path
    assert bool((model(IDS) == other(IDS)).all())


def edited(folder: Path, **changes: Any) -> Path:
    """Change values of a config.json; None takes a key away."""
    path = next(folder.glob("*config.json"))
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return folder


@every_kind
def test_what_is_written_is_read_bit_for_bit(kind: str, tmp_path: Path) -> None:
    model = model_of(kind)
    save_pretrained(model, tmp_path / "first")
    read = load_pretrained(tmp_path / "first")
    assert_same(model, read)
    save_pretrained(read, tmp_path / "second")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


@every_kind
def test_names_cover_every_parameter_once(kind: str) -> None:
    model = model_of(kind)
    covered = {path: np.zeros(values.shape, int) for path, values in flat(model).items()}
    for place in tensors(model.config).values():
        covered[place.path][..., place.start : place.stop] += 1
    assert all((count == 1).all() for count in covered.values())


@both_families
def test_files_of_other_shapes_are_read_alike(kind: str, tmp_path: Path) -> None:
    model = model_of(kind)
    save_pretrained(model, tmp_path / "whole")
    arrays = load_file(tmp_path / "whole" / "model.safetensors")
    config = (tmp_path / "whole" / "config.json").read_text()
    parts = {"a.safetensors": list(arrays)[::2], "b.safetensors": list(arrays)[1::2]}
    (tmp_path / "sharded").mkdir()
    for name, keys in parts.items():
        save_file({key: arrays[key] for key in keys}, tmp_path / "sharded" / name)
    index = {"weight_map": {key: name for name, keys in parts.items() for key in keys}}
    (tmp_path / "sharded" / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "sharded" / "config.json").write_text(config)
    assert_same(model, load_pretrained(tmp_path / "sharded"))
    (tmp_path / "bare").mkdir()
    bare = {name.removeprefix("model.").removeprefix("transformer."): values for name, values in arrays.items()}
    bare["h.0.attn.bias" if kind == "gpt2" else "layers.0.self_attn.rotary_emb.inv_freq"] = np.zeros(3, np.float32)
    save_file(bare, tmp_path / "bare" / "model.safetensors")
    (tmp_path / "bare" / "config.json").write_text(config)
    assert_same(model, load_pretrained(tmp_path / "bare"))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_read_as_float32(dtype: Any, tmp_path: Path) -> None:
    save_pretrained(model_of("llama"), tmp_path / "one")
    path = tmp_path / "one" / "model.safetensors"
    arrays = {name: values.astype(dtype) for name, values in load_file(path).items()}
    save_file(arrays, path)
    model = load_pretrained(tmp_path / "one", dtype="bfloat16")
    assert (model.config.dtype, model(IDS).dtype) == ("bfloat16", jnp.float32)
    found = flat(model)["embedding", "embedding"]
    assert found.dtype == np.float32
    assert np.array_equal(found, arrays["model.embed_tokens.weight"].astype(np.float32))


@pytest.mark.parametrize("version", ["rope_scaling", "rope_parameters"])
def test_both_spellings_of_rope_are_read(version: str, tmp_path: Path) -> None:
    kind = "llama, biases, scaled rope"
    model = model_of(kind)
    save_pretrained(model, tmp_path / "one")
    values = json.loads((tmp_path / "one" / "config.json").read_text())
    scaling, theta = values["rope_scaling"], values["rope_theta"]
    if version == "rope_parameters":
        edited(tmp_path / "one", rope_scaling=None, rope_theta=None, rope_parameters={**scaling, "rope_theta": theta})
    assert_same(model, load_pretrained(tmp_path / "one"))


CONFIGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "type": ("llama", {"model_type": "qwen2"}, r"config\.json: model_type = 'qwen2'; supported: llama, gpt2"),
    "activation": ("llama", {"hidden_act": "relu"}, "hidden_act = 'relu'; supported: 'silu'"),
    "gelu": ("gpt2", {"activation_function": "gelu"}, "activation_function = 'gelu'; supported: 'gelu_new'"),
    "biases": ("llama", {"attention_bias": True}, "attention_bias = True; supported: the same as mlp_bias"),
    "yarn": ("llama", {"rope_scaling": {"rope_type": "yarn"}}, r"rope_scaling\.rope_type = 'yarn'; supported"),
    "numbers": ("llama", {"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling = .*needed: numbers"),
    "share": ("llama", {"partial_rotary_factor": 0.5}, r"partial_rotary_factor = 0\.5; supported"),
    "scaled": ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True"),
    "cross": ("gpt2", {"add_cross_attention": True}, "add_cross_attention = True"),
    "quantised": ("llama", {"quantization_config": {"bits": 4}}, "quantization_config = .*save the model unquantised"),
    "missing": ("llama", {"hidden_size": None}, "hidden_size = None; needed"),
    "clash": ("llama", {"num_key_value_heads": 3}, r"config\.json: model\.num_kv_heads = 3; allowed"),
    "shape": ("llama", {"intermediate_size": 24}, r"gate_proj\.weight has shape \(20, 24\); needed: \(24, 24\)"),
    "more layers": ("gpt2", {"n_layer": 3}, r"h\.2\.attn\.c_attn\.weight is missing"),
    "fewer layers": ("gpt2", {"n_layer": 1}, r"transformer\.h\.1\..* is none of config\.json's model"),
    "tied": ("llama", {"tie_word_embeddings": True}, "lm_head.weight differs from the embedding"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_what_we_cannot_represent_is_refused(case: str, tmp_path: Path) -> None:
    kind, changes, message = CONFIGS[case]
    save_pretrained(model_of(kind), tmp_path / "one")
    with pytest.raises(synthgen.WeightsError, match=message):
        load_pretrained(edited(tmp_path / "one", **changes))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(synthgen.WeightsError, match=r"config\.json is missing"):
        load_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(synthgen.WeightsError, match=r"config\.json cannot be read"):
        load_pretrained(tmp_path)
    save_pretrained(model_of("llama"), tmp_path / "one")
    path = tmp_path / "one" / "model.safetensors"
    arrays = load_file(path)
    save_file({**arrays, "model.norm.weight": np.ones(24, np.int8)}, path)
    with pytest.raises(synthgen.WeightsError, match=r"model\.norm\.weight has type I8; supported"):
        load_pretrained(tmp_path / "one")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(synthgen.WeightsError, match=r"model\.safetensors cannot be read"):
        load_pretrained(tmp_path / "one")
    path.unlink()
    with pytest.raises(synthgen.WeightsError, match=r"model\.safetensors cannot be read"):
        load_pretrained(tmp_path / "one")


ONLY_OURS: dict[str, dict[str, Any]] = {
    "canon": {"canon": "A"},
    "mixers": {"mixers": ("attention", "gdn")},
    "qk_norm": {"qk_norm": True},
    "window": {"window": 8},
    "rope_share": {"rope_share": 0.5},
    "mlp": {"mlp": "gelu"},
    "positions": {"positions": "learned", "max_positions": 16},
    "bias": {**GPT2, "max_positions": 16, "bias": False},
    "num_kv_heads": {**GPT2, "max_positions": 16, "num_kv_heads": 2},
    "head_dim": {"head_dim": 5},
    "num_heads": {"width": 26, "head_dim": 8},
}


@pytest.mark.parametrize("field", ONLY_OURS)
def test_what_transformers_has_not_is_refused(field: str, tmp_path: Path) -> None:
    model = LanguageModel(dataclasses.replace(LLAMA, **ONLY_OURS[field]), nnx.Rngs(0))
    with pytest.raises(synthgen.ParamError, match=rf"model\.{field} = .*no counterpart"):
        save_pretrained(model, tmp_path / "one")
    with pytest.raises(synthgen.ParamError, match=rf"model\.{field} = .*no counterpart"):
        add_lora(model, LoraConfig(), 0)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_or_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("llama")
    (tmp_path / "one").mkdir()
    save_pretrained(model, tmp_path / "one")
    with pytest.raises(synthgen.WeightsError, match="is there and not empty"):
        save_pretrained(model, tmp_path / "one")

    def breaks(*_: Any) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("synthgen.train.weights.describe", breaks)
    with pytest.raises(KeyboardInterrupt):
        save_pretrained(model, tmp_path / "two")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_tokenizer_is_written_beside_the_model(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    task = synthgen.kv
    model = LanguageModel(dataclasses.replace(LLAMA, vocab_size=len(task.vocab)), nnx.Rngs(0))
    save_pretrained(model, tmp_path / "one", tokenizer=task.tokenizer("tokenizers"))
    tokenizer = Tokenizer.from_file(str(tmp_path / "one" / "tokenizer.json"))
    text = task.batch(1, 0).text(0)
    assert tokenizer.encode(text, add_special_tokens=False).ids == task.vocab.encode(text)
    for name in ("config.json", "generation_config.json"):
        values = json.loads((tmp_path / "one" / name).read_text())
        assert [values[f"{one}_token_id"] for one in ("pad", "bos", "eos")] == [0, 1, 2]
    with pytest.raises(synthgen.ParamError, match=r"model\.vocab_size = 29; needed: as many as the tokenizer's"):
        save_pretrained(model_of("llama"), tmp_path / "two", tokenizer=task.tokenizer("tokenizers"))
    with pytest.raises(synthgen.ParamError, match=r"tokenizer = .*needed: what task\.tokenizer\(\) gives"):
        save_pretrained(model, tmp_path / "two", tokenizer=task)
    with pytest.raises(synthgen.ParamError, match=r"tokenizer = .*needed: specials at the ids 0, 1 and 2"):
        save_pretrained(model, tmp_path / "two", tokenizer=Tokenizer(WordLevel({"a": 0, "b": 1, "c": 2})))
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


TARGETS = {"llama": ("q_proj", "v_proj", "up_proj", "o_proj"), "gpt2": ("c_attn", "mlp.c_proj")}


def adapted(kind: str, **changes: Any) -> LanguageModel:
    """A model whose adapters do something."""
    model = model_of(kind)
    add_lora(model, LoraConfig(**{"r": 3, "alpha": 5.0, "target_modules": TARGETS[kind], **changes}), seed=1)
    return jiggled(model, nnx.LoRAParam, 2)


@both_families
@pytest.mark.parametrize("targets", ["some", "all"])
def test_adapters_begin_as_nothing_and_merge_as_they_are(kind: str, targets: str) -> None:
    model, changes = model_of(kind), {} if targets == "some" else {"target_modules": None}
    before = model(IDS)
    add_lora(model, LoraConfig(dropout=0.5), seed=0)
    assert bool((model(IDS) == before).all())
    model = adapted(kind, **changes)
    logits = model(IDS)
    assert float(jnp.abs(logits - before).max()) > 0.05
    merge_lora(model)
    assert flat(model).keys() == flat(model_of(kind)).keys()
    assert jnp.allclose(model(IDS), logits, atol=1e-5)


def test_adapters_of_joined_layers_are_those_of_separate_ones() -> None:
    model: Any = adapted("llama", rslora=True)
    x = jnp.asarray(np.random.default_rng(3).normal(size=(5, 24)), jnp.float32)
    layer = model.blocks[1].mixer.qkv
    q, k, v = jnp.split(layer(x), [24, 36], -1)
    base = jnp.split(x @ layer.base.kernel[...], [24, 36], -1)
    assert [(one.start, one.stop) for one in layer.adapters] == [(0, 24), (36, 48)]
    for found, plain, one in ((q, base[0], layer.adapters[0]), (v, base[2], layer.adapters[1])):
        assert jnp.allclose(found, plain + 5 / 3**0.5 * (x @ one.a[...] @ one.b[...]), atol=1e-5)
    assert jnp.allclose(k, base[1], atol=1e-6)


@both_families
def test_only_adapters_are_trained(kind: str) -> None:
    model = adapted(kind)
    frozen = count_parameters(model_of(kind))
    inputs_and_outputs = {"llama": 24 + 24 + 24 + 12 + 24 + 20 + 24 + 24, "gpt2": 24 + 72 + 20 + 24}[kind]
    assert count_parameters(model, nnx.LoRAParam) == 2 * 3 * inputs_and_outputs
    assert count_parameters(model) == frozen + count_parameters(model, nnx.LoRAParam)

    def loss(model: LanguageModel) -> Any:
        return (model(IDS) ** 2).mean()

    slopes = dict(nnx.to_flat_state(nnx.grad(loss, argnums=nnx.DiffState(0, nnx.LoRAParam))(model)))
    assert {path[-1] for path in slopes} == {"a", "b"}
    assert all(bool(jnp.abs(one[...]).sum() > 0) for one in slopes.values())
    assert sum(one[...].size for one in slopes.values()) == count_parameters(model, nnx.LoRAParam)


def test_dropout_is_of_training_only() -> None:
    model: Any = adapted("llama", dropout=0.5)
    plain = adapted("llama")(IDS)
    assert bool((model(IDS) == plain).all())
    model.train()
    first, second = model(IDS), model(IDS)
    assert not bool((first == second).all())
    model.eval()
    assert bool((model(IDS) == plain).all())
    again: Any = adapted("llama", dropout=0.5)
    again.train()
    assert bool((again(IDS) == first).all())
    assert not nnx.to_flat_state(nnx.state(adapted("llama"), nnx.RngState))


@both_families
@pytest.mark.parametrize("rslora", [False, True])
def test_adapters_are_read_as_they_were_written(kind: str, rslora: bool, tmp_path: Path) -> None:
    model = adapted(kind, rslora=rslora, dropout=0.1)
    save_adapter(model, tmp_path / "one", base_model="a/b")
    with pytest.raises(synthgen.WeightsError, match="merge_lora"):
        save_pretrained(model, tmp_path / "two")
    read = model_of(kind)
    config = load_adapter(read, tmp_path / "one")
    assert config == LoraConfig(3, 5.0, rslora, tuple(sorted(TARGETS[kind])), 0.1)
    assert_same(model, read)
    save_adapter(read, tmp_path / "two", base_model="a/b")
    first, second = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert first.keys() == second.keys()
    assert all(np.array_equal(values, second[name]) for name, values in first.items())


def test_a_pattern_is_kept_as_the_layers_it_chose(tmp_path: Path) -> None:
    chosen = ("model.layers.1.self_attn.q_proj", "model.layers.1.mlp.down_proj")
    model = adapted("llama", target_modules=chosen)
    save_adapter(model, tmp_path / "one")
    edited(tmp_path / "one", target_modules=["q_proj", "down_proj"], layers_to_transform=[1])
    read = model_of("llama")
    assert load_adapter(read, tmp_path / "one").target_modules == chosen
    assert_same(model, read)


ADAPTERS: dict[str, tuple[dict[str, Any], str]] = {
    "dora": ({"use_dora": True}, r"adapter_config\.json: use_dora = True; not supported"),
    "saved": ({"modules_to_save": ["lm_head"]}, "modules_to_save = .*not supported"),
    "bias": ({"bias": "all"}, "bias = 'all'; supported: 'none'"),
    "ranks": ({"rank_pattern": {"q_proj": 2}}, "rank_pattern = .*not supported"),
    "kind": ({"peft_type": "IA3"}, "peft_type = 'IA3'; supported: 'LORA'"),
    "init": ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa'; supported"),
    "future": ({"use_something": True}, "use_something = True; not supported"),
    "rank": ({"r": 4}, r"q_proj\.lora_A\.weight has shape \(3, 24\); needed: \(4, 24\), by adapter_config\.json"),
    "alpha": ({"lora_alpha": -1}, r"adapter_config\.json: lora\.alpha = -1; allowed"),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_adapters_we_cannot_represent_are_refused(case: str, tmp_path: Path) -> None:
    changes, message = ADAPTERS[case]
    save_adapter(adapted("llama"), tmp_path / "one")
    model = model_of("llama")
    with pytest.raises(synthgen.WeightsError, match=message):
        load_adapter(model, edited(tmp_path / "one", **changes))
    assert_same(model, model_of("llama"))


def test_adapters_of_another_model_are_refused(tmp_path: Path) -> None:
    save_adapter(adapted("llama"), tmp_path / "one")
    with pytest.raises(
        synthgen.WeightsError, match=r"has base_model\..*; needed: base_model\.model\.transformer\.h\.0"
    ):
        load_adapter(model_of("gpt2"), tmp_path / "one")
    path = tmp_path / "one" / "adapter_model.safetensors"
    save_file({**load_file(path), "base_model.model.lm_head.lora_A.weight": np.ones((3, 24), np.float32)}, path)
    with pytest.raises(synthgen.WeightsError, match=r"lm_head\.lora_A\.weight belongs to no adapter"):
        load_adapter(model_of("llama"), tmp_path / "one")


LORAS: dict[str, dict[str, Any]] = {
    "r": {"r": 0},
    "alpha": {"alpha": 0.0},
    "dropout": {"dropout": 1.0},
    "target_modules": {"target_modules": ()},
}


@pytest.mark.parametrize("name", LORAS)
def test_a_wrong_lora_config_is_refused_by_the_key(name: str) -> None:
    with pytest.raises(synthgen.ParamError, match=rf"lora\.{name} = .*allowed"):
        LoraConfig(**LORAS[name])


def test_wrong_uses_of_adapters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(synthgen.ParamError, match=r"lora\.target_modules = 'c_attn'; allowed: .*q_proj"):
        add_lora(model_of("llama"), LoraConfig(target_modules=("c_attn",)), 0)
    with pytest.raises(synthgen.ParamError, match="merge_lora"):
        add_lora(adapted("llama"), LoraConfig(), 0)
    with pytest.raises(synthgen.ParamError, match="add_lora"):
        save_adapter(model_of("llama"), tmp_path / "one")
    save_adapter(adapted("llama"), tmp_path / "one")
    with pytest.raises(synthgen.ParamError, match="merge_lora"):
        load_adapter(adapted("llama"), tmp_path / "one")
