"""Weights of Llama and GPT-2 in the files of transformers: read as models of ours, and written for it to read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from ..checks import extra
from ..data.files import json_bytes, sync, sync_all, temporary
from ..errors import WeightsError, param_error
from ..vocab import BOS, CHAT_TEMPLATE, EOS, PAD
from .counterpart import CONFIG, Described, describe, tensors, understand
from .models import LanguageModel, ModelConfig

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
STORED = ("F16", "BF16", "F32", "F64")
BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
"""Ends of names of what old files hold beside weights: masks and frequencies."""
IDS = ("pad_token_id", "bos_token_id", "eos_token_id")


class Stored:
    """Tensors of one safetensors file, or of the files of an index, read one at a time as float32."""

    def __init__(self, folder: Path, whole: str = WEIGHTS, index: str | None = INDEX, config: str = CONFIG) -> None:
        self.config = config
        safetensors = extra("safetensors", "train")
        self.files: dict[str, Path] = {}
        self._open: dict[Path, Any] = {}
        self.main = folder / whole
        listed = None
        if index is not None and not self.main.exists() and (folder / index).exists():
            self.main = folder / index
            listed = Described(self.main).values.get("weight_map")
            if not isinstance(listed, dict):
                raise WeightsError(f"{self.main}: weight_map = {listed!r}; needed: names of tensors and of their files")
        for name in sorted(set(listed.values())) if listed is not None else [whole]:
            path = folder / str(name)
            try:
                self._open[path] = safetensors.safe_open(path, framework="np")
            except (OSError, safetensors.SafetensorError) as error:
                raise WeightsError(f"{path} cannot be read: {error}; save the model as safetensors again") from error
            for key in self._open[path].keys():  # noqa: SIM118 - a file of safetensors is no mapping
                self.files[key] = path

    def read(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """One tensor, as float32. Raises WeightsError where it is missing, of another shape, or no float."""
        if name not in self.files:
            raise WeightsError(f"{self.main}: tensor {name} is missing; {self.config} is of other weights than these")
        path = self.files[name]
        kind, found = (getattr(self._open[path].get_slice(name), f"get_{what}")() for what in ("dtype", "shape"))
        if tuple(found) != shape:
            raise WeightsError(f"{path}: tensor {name} has shape {tuple(found)}; needed: {shape}, by {self.config}")
        if kind not in STORED:
            raise WeightsError(f"{path}: tensor {name} has type {kind}; supported: {', '.join(STORED)}")
        tensor: NDArray[np.float32] = np.asarray(self._open[path].get_tensor(name)).astype(np.float32)
        return tensor


def load_pretrained(directory: str | Path, *, dtype: str = "float32") -> LanguageModel:
    """Read a directory of transformers, with a model of type llama or gpt2, as a model of ours.

    `dtype` is that of activations; weights become float32, however they are stored. Every tensor is checked. Raises
    WeightsError for files that are wrong, and for what our models cannot represent.
    """
    folder = Path(directory)
    config = replace(understand(folder / CONFIG), dtype=dtype)
    stored = Stored(folder)
    names = _names(config, stored)
    model = nnx.eval_shape(lambda: LanguageModel(config, nnx.Rngs(0)))
    arrays = {path: np.empty(one.shape, np.float32) for path, one in nnx.to_flat_state(nnx.state(model, nnx.Param))}
    for name, place in tensors(config).items():
        part = arrays[place.path][..., place.start : place.stop]
        part = part.T if place.transposed else part
        part[...] = stored.read(names[name], part.shape)
    if config.tie_embeddings and "lm_head.weight" in stored.files:
        embedding = arrays["embedding", "embedding"]
        if not np.array_equal(stored.read("lm_head.weight", embedding.shape), embedding):
            message = "differs from the embedding; set tie_word_embeddings to false"
            raise WeightsError(f"{stored.main}: tensor lm_head.weight {message} in {folder / CONFIG}")
    nnx.update(model, nnx.from_flat_state({path: nnx.Param(jnp.asarray(array)) for path, array in arrays.items()}))
    return model


def _names(config: ModelConfig, stored: Stored) -> dict[str, str]:
    """The stored name of each tensor: files of a model without its head leave out the first part."""
    found = {}
    for name in tensors(config):
        short = name.partition(".")[2]
        found[name] = short if name not in stored.files and short in stored.files else name
    foreign = sorted(set(stored.files) - set(found.values()) - {"lm_head.weight"})
    for name in foreign:
        if not name.endswith(BUFFERS):
            raise WeightsError(
                f"{stored.files[name]}: tensor {name} is none of {CONFIG}'s model; supported: plain weights"
            )
    return found


def save_pretrained(model: LanguageModel, directory: str | Path, *, tokenizer: Any = None) -> None:
    """Write a model, and its tokenizer, so that `AutoModelForCausalLM` and `AutoTokenizer` read the directory.

    The tokenizer is one of transformers, or a `tokenizers.Tokenizer` of `task.tokenizer()`; the ids of its specials go
    to the configuration. The directory must be new or empty, and appears whole or not at all. Raises ParamError for a
    model that has no counterpart in transformers.
    """
    extra("safetensors", "train")
    from safetensors.numpy import save_file

    config = model.config
    places = tensors(config)
    params = dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    if any(isinstance(one, nnx.LoRAParam) for one in params.values()):
        message = "the model has adapters: fold them in with merge_lora, or write them alone with save_adapter"
        raise WeightsError(f"{directory} is not written: {message}")
    arrays = {}
    for name, place in places.items():
        part = np.asarray(params[place.path][...], np.float32)[..., place.start : place.stop]
        arrays[name] = np.ascontiguousarray(part.T if place.transposed else part)
    with new_directory(directory) as folder:
        ids = dict.fromkeys(IDS) if tokenizer is None else _write_tokenizer(folder, tokenizer, config)
        if tokenizer is not None:
            (folder / "generation_config.json").write_bytes(json_bytes(ids))
        save_file(arrays, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG).write_bytes(json_bytes(describe(config, ids)))


@contextmanager
def new_directory(directory: str | Path) -> Iterator[Path]:
    """A folder to write into, which becomes `directory` when all is on the disk. Raises WeightsError where one is."""
    target = Path(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WeightsError(f"{target} is there and not empty; give a new directory, or delete it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = temporary(target.parent, target.name)
    made.mkdir()
    try:
        yield made
        sync_all([*made.rglob("*"), made])
        made.replace(target)
        sync(target.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_tokenizer(folder: Path, tokenizer: Any, config: ModelConfig) -> dict[str, int | None]:
    """Write a tokenizer's files; give the ids of its specials."""
    if not hasattr(tokenizer, "save_pretrained") and not hasattr(tokenizer, "get_vocab_size"):
        raise param_error(None, "tokenizer", tokenizer, "needed: what task.tokenizer() gives, or one of transformers")
    size = len(tokenizer) if hasattr(tokenizer, "save_pretrained") else tokenizer.get_vocab_size()
    if size > config.vocab_size:
        hint = f"needed: as many as the tokenizer's {size} pieces; build the model with its vocabulary"
        raise param_error(None, "model.vocab_size", config.vocab_size, hint)
    if hasattr(tokenizer, "save_pretrained"):
        tokenizer.save_pretrained(folder)
        return {key: getattr(tokenizer, key) for key in IDS}
    specials = {key: tokenizer.id_to_token(at) for key, at in zip(IDS, (PAD, BOS, EOS), strict=True)}
    added = tokenizer.get_added_tokens_decoder()
    if not all(at in added and added[at].special for at in (PAD, BOS, EOS)):
        hint = "needed: specials at the ids 0, 1 and 2, as of a task; or give a tokenizer of transformers"
        raise param_error(None, "tokenizer", tokenizer, hint)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {key.removesuffix("_id"): token for key, token in specials.items()}
    described = {
        "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE, **named,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_bytes(json_bytes(described))
    return dict(zip(IDS, (PAD, BOS, EOS), strict=True))
