"""Vocabularies: dense tables of text pieces, and their export as tokenizers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from .checks import extra, one_dimensional, text_argument
from .errors import param_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAD, BOS, EOS = 0, 1, 2
SPECIALS = ("<pad>", "<bos>", "<eos>")

CHAT_TEMPLATE = "{{ bos_token }}{{ messages[-1]['content'] }}"
"""How a server puts a chat to a model that was trained on rows: its last message is the prompt of a row. What stands
before it, such as instructions, has no pieces."""

TokenizerKind = Literal["auto", "tokenizers", "transformers"]


class Vocab:
    """The piece table of a task or a mixture.

    Text is the exact concatenation of pieces; ids are positions in `pieces`. The first three ids are `<pad>`, `<bos>`
    and `<eos>`, which text leaves out.
    """

    def __init__(self, name: str, pieces: Iterable[str], encode: Callable[[str], list[int]]) -> None:
        self.name = name
        self.pieces: tuple[str, ...] = tuple(pieces)
        self._encode = encode

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return f"<Vocab {self.name}: {len(self)} pieces>"

    def encode(self, text: str) -> list[int]:
        """Ids of a text by greedy longest match, without specials. Raises SolveError where no piece fits."""
        return self._encode(text_argument(self.name, "text", text))

    def decode(self, ids: Iterable[int] | NDArray[Any], *, specials: bool = False) -> str:
        """Concatenate the pieces of ids; with `specials`, spell those too. Raises ParamError for an unknown id."""
        pieces = []
        for number in one_dimensional(self.name, "ids", ids if hasattr(ids, "dtype") else list(ids)).tolist():
            if not 0 <= number < len(self.pieces):
                raise param_error(self.name, "ids", number, f"allowed: 0..={len(self) - 1}")
            if specials or number >= len(SPECIALS):
                pieces.append(self.pieces[number])
        return "".join(pieces)

    def tokenizer(self, kind: TokenizerKind = "auto") -> Any:
        """Export as a tokenizer that gives the same ids: WordLevel over the pieces, split by longest match.

        `auto` makes a `transformers.PreTrainedTokenizerFast` when transformers is installed, else a
        `tokenizers.Tokenizer`. Encoding puts `<bos>` in front (`add_special_tokens=False` leaves it out); text that is
        not made of pieces is an error of the tokenizer's, never an unknown token.
        """
        extra("tokenizers", "data")
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

        if kind not in ("auto", "tokenizers", "transformers"):
            raise param_error(self.name, "kind", kind, "allowed: 'auto', 'tokenizers' or 'transformers'")
        tokenizer = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(self.pieces)}))
        longest_first = sorted(self.pieces[len(SPECIALS) :], key=len, reverse=True)
        pattern = "|".join(re.escape(piece) for piece in longest_first)
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
        tokenizer.decoder = decoders.Fuse()
        specials = self.pieces[: len(SPECIALS)]  # the copy family spells them otherwise
        tokenizer.add_special_tokens(list(specials))
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{specials[BOS]} $A", special_tokens=[(specials[BOS], BOS)]
        )
        if kind == "tokenizers":
            return tokenizer
        try:
            from transformers import PreTrainedTokenizerFast
        except ImportError:
            if kind == "transformers":
                raise
            return tokenizer
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token=specials[PAD],
            bos_token=specials[BOS],
            eos_token=specials[EOS],
            clean_up_tokenization_spaces=False,
            chat_template=CHAT_TEMPLATE,
        )
