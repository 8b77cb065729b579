"""The curation steps as functions of record batches; their settings stand in config.py."""

import hashlib
import re
from collections.abc import Iterator

import ftfy
import numpy as np
import pyarrow as pa

from textus.corpus.batches import Verdict, reject, texts, with_text
from textus.corpus.config import FixText, Length
from textus.corpus.digest_set import DigestSet

# A line made only of these is left as it is by every fixer: printable ASCII, tab and newline; kana,
# CJK ideographs and their punctuation, Hangul syllables, full-width forms. None of them occurs in
# mojibake, and NFC leaves any sequence of them alone. "&" may start an HTML entity.
_NEVER_CHANGED = (
    "\t\n -%'-~\u3000-\u3002\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e"
)
_SUSPECT = {
    True: re.compile(f"[^{_NEVER_CHANGED}]"),
    False: re.compile(f"[^&{_NEVER_CHANGED}]"),
}


def fix_texts(batch: pa.RecordBatch, config: FixText) -> pa.RecordBatch:
    """The batch with each text repaired."""
    return with_text(batch, [fix_text(text, config) for text in texts(batch)])


def fix_text(text: str, config: FixText) -> str:
    """The repaired text: only lines that may need it go through ftfy, which works line by line.

    Equal to `fix_text_slowly`; plain English hardly costs anything.
    """
    text = _normalise_newlines(text)
    settings = _ftfy_settings(text, config)
    suspect = _SUSPECT[bool(settings.unescape_html)]
    fixed: list[str] = []
    done = 0
    while found := suspect.search(text, done):
        start = max(done, text.rfind("\n", done, found.start()) + 1)
        end = text.find("\n", found.start()) + 1 or len(text)
        fixed += text[done:start], ftfy.fix_text(text[start:end], settings)
        done = end
    return "".join(fixed) + text[done:] if fixed else text


def fix_text_slowly(text: str, config: FixText) -> str:
    """What `fix_text` computes, said plainly."""
    text = _normalise_newlines(text)
    return ftfy.fix_text(text, _ftfy_settings(text, config))


def _normalise_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _ftfy_settings(text: str, config: FixText) -> ftfy.TextFixerConfig:
    # Ligatures and full-width forms stay: they are how some languages are written, no damage.
    # ftfy's own "auto" would change its mind in the middle of a document, at its first "<".
    return ftfy.TextFixerConfig(
        unescape_html=config.html_entities and "<" not in text,
        uncurl_quotes=config.straight_quotes,
        fix_latin_ligatures=False,
        fix_character_width=False,
        explain=False,
    )


def check_lengths(batch: pa.RecordBatch, config: Length) -> pa.RecordBatch:
    """Marks texts that are empty, too short or too long."""
    return reject(batch, [_judge_length(len(text.strip()), config) for text in texts(batch)])


def _judge_length(chars: int, config: Length) -> Verdict | None:
    if chars == 0:
        return Verdict("empty", "no character but blank space")
    if chars < config.min_chars:
        return Verdict("too_short", f"{chars} characters, fewer than {config.min_chars}")
    if config.max_chars is not None and chars > config.max_chars:
        return Verdict("too_long", f"{chars} characters, more than {config.max_chars}")
    return None


def drop_duplicates(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Marks texts that came before; remembers 16 bytes of each distinct text."""
    seen = DigestSet()
    verdict = Verdict("exact_duplicate", "the same text came before")
    for batch in batches:
        is_new = seen.add(_digests(texts(batch)))
        yield reject(batch, [None if new else verdict for new in is_new.tolist()])


def _digests(texts: list[str]) -> np.ndarray:
    """uint64 (number of texts, 2)."""
    digests = (hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
