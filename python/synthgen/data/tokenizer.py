"""Tokenizers of other models: rows as text, re-encoded, with the loss mask carried over."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..checks import extra
from ..errors import DatasetError, ParamError, param_error

if TYPE_CHECKING:
    import tokenizers

_ALLOWED = "allowed: a tokenizer.json, or a folder that holds a tokenizer of tokenizers or transformers"


class Foreign(NamedTuple):
    """A tokenizer of the `tokenizers` library as JSON, and the tokens that end and begin a row, if it has them."""

    json: str
    eos: str | None
    bos: str | None = None

    def __repr__(self) -> str:
        return f"<Foreign {self.sha256[:8]}>"

    @classmethod
    def load(cls, path: str | Path) -> Foreign:
        """Read a tokenizer.json, or a folder as transformers saves it. Raises ParamError."""
        found = Path(path)
        if found.is_dir():
            file, folder = found / "tokenizer.json", found
        elif found.is_file():
            file, folder = found, found.parent
        else:
            raise param_error(None, "tokenizer", str(path), f"{_ALLOWED}; there is nothing at this path")
        try:
            text = file.read_text(encoding="utf-8") if file.is_file() else _through_transformers(folder)
            foreign = cls(text, _special(folder, "eos_token"), _special(folder, "bos_token"))
            _loaded(text)
        except ParamError:
            raise
        except Exception as error:  # the library raises bare exceptions
            raise param_error(None, "tokenizer", str(path), f"{_ALLOWED}; it cannot be read: {error}") from error
        return foreign

    @property
    def sha256(self) -> str:
        """Hash of what decides the ids."""
        return hashlib.sha256(f"{self.json}\0{self.eos}".encode()).hexdigest()

    @property
    def dtype(self) -> str:
        """Smallest of uint16 and uint32 that holds every id."""
        # Ids may have gaps, so that their number says nothing.
        return "uint16" if self.size <= 2**16 else "uint32"

    @property
    def size(self) -> int:
        """One more than the largest id."""
        return 1 + max(_loaded(self.json).get_vocab().values(), default=0)

    def token_id(self, kind: str) -> int | None:
        """Id of the token that begins ("bos") or ends ("eos") a row, if there is one."""
        token = self.eos if kind == "eos" else self.bos
        found: int | None = None if token is None else _loaded(self.json).token_to_id(token)
        return found

    def spelled(self, id_: int) -> str:
        """How the tokenizer spells one of its tokens."""
        return str(_loaded(self.json).id_to_token(id_))

    def plain(self, text: str) -> list[int]:
        """Ids of a text alone, nothing added at its ends. Raises DatasetError."""
        try:
            return list(_loaded(self.json).encode(text, add_special_tokens=False).ids)
        except Exception as error:  # the library raises bare exceptions
            message = f"the tokenizer cannot encode {text!r}: {error}; give one that encodes any text"
            raise DatasetError(message) from error

    def decode(self, ids: list[int]) -> str:
        """Text of ids, specials left out."""
        return str(_loaded(self.json).decode(ids, skip_special_tokens=True))

    def encode(self, rows: list[tuple[str, list[tuple[int, int]]]]) -> list[tuple[list[int], bytes]]:
        """Ids and loss masks of texts, each given with the characters that are predicted.

        A token is predicted when it covers a predicted character. The end token is added where the tokenizer does not
        add it, and is predicted.
        """
        loaded = _loaded(self.json)
        end = None if self.eos is None else loaded.token_to_id(self.eos)
        try:
            encodings = loaded.encode_batch([text for text, _ in rows])
        except Exception as error:  # the library raises bare exceptions
            raise DatasetError(f"the tokenizer cannot encode a row: {error}; give one that encodes any text") from error
        found = []
        for encoding, (_, spans) in zip(encodings, rows, strict=True):
            ids = list(encoding.ids)
            mask = bytearray(any(start < b and a < stop for start, stop in spans) for a, b in encoding.offsets)
            if end is not None:
                if not ids or ids[-1] != end:
                    ids.append(end)
                    mask.append(0)
                mask[-1] = 1
            found.append((ids, bytes(mask)))
        return found


@lru_cache(maxsize=4)
def _loaded(text: str) -> tokenizers.Tokenizer:
    loaded: tokenizers.Tokenizer = extra("tokenizers", "data").Tokenizer.from_str(text)
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def _special(folder: Path, name: str) -> str | None:
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        try:
            found = json.loads((folder / file).read_text(encoding="utf-8")).get(name)
        except (OSError, ValueError, AttributeError):
            continue
        token = found.get("content") if isinstance(found, dict) else found
        if isinstance(token, str):
            return token
    return None


def _through_transformers(folder: Path) -> str:
    try:
        transformers = extra("transformers", "heavy")
        loaded = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return str(loaded.backend_tokenizer.to_str())
    except Exception as error:  # the library raises whatever its parts raise
        raise param_error(None, "tokenizer", str(folder), f"{_ALLOWED}; it cannot be read: {error}") from error
