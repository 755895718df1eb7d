"""Models of transformers that are made on the spot."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import synthgen

TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ message['content'] }}{% endif %}{% endfor %}"
)
"""A chat is what the user says: our vocabularies have no words for anything else."""


@pytest.fixture
def tiny_llama() -> Callable[[str, Sequence[str], Path], tuple[Path, list[int]]]:
    """Save a small random Llama with the tokenizer of a task; give all ids but those of the pieces it may say."""

    def make(task: str, said: Sequence[str], folder: Path) -> tuple[Path, list[int]]:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        vocab = synthgen.get(task).vocab
        config = LlamaConfig(
            vocab_size=len(vocab), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=1024, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer = synthgen.get(task).tokenizer("transformers")
        tokenizer.chat_template = TEMPLATE
        tokenizer.save_pretrained(folder)
        return folder, [id_ for id_, piece in enumerate(vocab.pieces) if piece not in said]

    return make
