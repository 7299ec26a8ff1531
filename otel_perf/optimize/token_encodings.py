"""Which tokenizer a model uses, and that tokenizer, if the package ``bpe-openai`` is installed."""

import re
import threading
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Final, Protocol

__all__ = ["EncodingCounter", "encoding_of", "exact_counter"]

ENCODINGS: Final = ("cl100k_base", "o200k_base", "voyage3_base")
"""What ``bpe-openai`` offers."""

MODELS: Final = (
    ("chatgpt-4o", "o200k_base"), ("gpt-4o", "o200k_base"), ("gpt-4.1", "o200k_base"), ("gpt-4.5", "o200k_base"),
    ("gpt-5", "o200k_base"), ("gpt-oss", "o200k_base"), ("o1", "o200k_base"), ("o3", "o200k_base"),
    ("o4-mini", "o200k_base"), ("gpt-4", "cl100k_base"), ("gpt-3.5", "cl100k_base"), ("gpt-35", "cl100k_base"),
    ("text-embedding-3", "cl100k_base"), ("text-embedding-ada-002", "cl100k_base"),
)  # fmt: skip
"""How names of models begin, and their encoding (OpenAI's published table). The first that fits counts."""

PIECE: Final = 50_000
"""Characters given to the tokenizer at a time: it takes no more than 200,000 tokens, and a character may be four."""
NEAR_END: Final = 10_000

_SEAM: Final = re.compile(r"[0-9A-Za-z](?= [A-Za-z])")
"""Between a word and the blank before the next one every encoding splits, so that counts of both sides add up."""
_loading: Final = threading.Lock()


class Encoding(Protocol):
    """What is used of ``bpe_openai.Encoding``."""

    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text of less than a million characters."""
        ...


class EncodingCounter:
    """A ``TokenCounter`` that runs the tokenizer; some 25 MB/s.

    A text of more than 50,000 characters is counted in pieces, which is exact where words stand apart by blanks. A
    longer text without any is cut anywhere, which adds one token per cut at most.
    """

    estimated: Final = False

    def __init__(self, name: str, encoding: Encoding) -> None:
        """``name`` is the encoding's."""
        self._name = name
        self._encoding = encoding

    def __repr__(self) -> str:
        """As it is made."""
        return f"EncodingCounter({self._name!r})"

    @property
    def name(self) -> str:
        """The encoding's name."""
        return self._name

    def count(self, text: str) -> int:
        """Tokens of ``text``; text that looks like a special token counts as the text it is."""
        return sum(len(self._encoding.encode_ordinary(piece)) for piece in pieces(text))


def pieces(text: str) -> Iterator[str]:
    """The text in pieces that the tokenizer takes, cut between words where there are any."""
    start = 0
    while len(text) - start > PIECE:
        end = start + PIECE
        for seam in _SEAM.finditer(text, end - NEAR_END, end):
            end = seam.end()
            break
        yield text[start:end]
        start = end
    yield text[start:]


def encoding_of(model: str | None) -> str | None:
    """The encoding of a model, or of an encoding's own name; ``None`` when it is not public.

    A provider before the name (``openai/gpt-4o``) and a fine-tuning mark (``ft:gpt-4o:…``) are understood.
    """
    if model is None:
        return None
    name = model.lower().rpartition("/")[2].removeprefix("ft:").removeprefix("openai.").removeprefix("openai:")
    if name in ENCODINGS:
        return name
    if name == "voyage-3":
        return "voyage3_base"
    for start, encoding in MODELS:
        if name.startswith(start) and (len(name) == len(start) or name[len(start)] in "-:.@_t"):
            return encoding
    return None


def exact_counter(encoding: str) -> EncodingCounter | None:
    """The tokenizer of an encoding; ``None`` without the package. The first call takes half a second and 110 MB."""
    with _loading:
        return _load(encoding)


@cache
def _load(encoding: str) -> EncodingCounter | None:
    try:
        with warnings.catch_warnings():  # it opens its data in a deprecated way, and warnings may be errors
            warnings.simplefilter("ignore", DeprecationWarning)
            import bpe_openai  # type: ignore[import-untyped] # noqa: PLC0415 - an extra, and heavy
    except (ImportError, OSError):
        return None
    if encoding not in bpe_openai.list_encoding_names():
        return None
    return EncodingCounter(encoding, bpe_openai.get_encoding(encoding))
