"""Which packages of Debian the benchmark texts come from, and how much is taken from each."""

import re
from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """Some files of one package."""

    package: str
    kind: str
    """How its files are read: a name in `_text_markup.READERS`."""

    paths: str
    """A pattern that the files' paths contain."""

    megabytes: float = 1000.0
    """At most this much text is taken."""

    archive: str = ""
    """A pattern for an archive in the package; `paths` are then its members."""

    one_in: int = 1
    """Only every n-th of the files (by a checksum of the path), where there are far too many."""


def _code(package: str, suffixes: str, megabytes: float, **more: object) -> Source:
    paths = rf"(?<!\.min)\.({suffixes})$"
    return Source(package=package, kind="code", paths=paths, megabytes=megabytes, **more)  # type: ignore[arg-type]


ENGLISH = (
    Source(package="libreoffice-help-en-us", kind="html", paths=r"/en-US/.*\.html$"),
    Source(package="debian-handbook", kind="html", paths=r"/en-US/.*\.html$"),
    Source(package="installation-guide-amd64", kind="html", paths=r"/en/.*\.html$"),
    Source(package="gnome-user-docs", kind="html", paths=r"/help/C/.*\.page$"),
    Source(package="apache2-doc", kind="html", paths=r"/manual/en/.*\.html$"),
    Source(package="debian-reference-en", kind="html", paths=r"\.en\.html$"),
    Source(package="anarchism", kind="html", paths=r"\.html$"),
    Source(package="dict-gcide", kind="dictionary", paths=r"\.dict\.dz$", megabytes=25),
    Source(package="dict-wn", kind="dictionary", paths=r"\.dict\.dz$", megabytes=15),
    Source(package="dict-foldoc", kind="dictionary", paths=r"\.dict\.dz$"),
    Source(package="python3.11-doc", kind="html", paths=r"/html/.*\.html$", megabytes=10),
    Source(package="postgresql-doc-15", kind="html", paths=r"\.html$", megabytes=10),
    Source(package="sqlite3-doc", kind="html", paths=r"\.html$", megabytes=6),
    Source(package="linux-doc-6.1", kind="plain", paths=r"\.(rst|txt)(\.gz)?$", megabytes=18),
    Source(package="perl-doc", kind="plain", paths=r"\.pod$", megabytes=5),
    Source(package="manpages", kind="man", paths=r"/man/man\d/.*\.gz$"),
    Source(package="manpages-dev", kind="man", paths=r"/man/man\d/.*\.gz$", megabytes=5),
    Source(package="libboost1.74-doc", kind="html", paths=r"\.html$", megabytes=6),
)

CODE = (
    _code("libpython3.11-stdlib", "py", 10),
    _code("python3-django", "py", 5),
    _code("python3-sympy", "py", 8),
    _code("python3-pandas", "py", 5),
    _code("python3-matplotlib", "py", 4),
    _code("python3-nltk", "py", 3),
    _code("calibre", "py", 5),
    _code("linux-source-6.1", "[ch]", 24, archive=r"\.tar\.xz$", one_in=24),
    _code("libboost1.74-dev", "hpp", 8),
    _code("libboost1.74-doc", "[ch]pp", 4),
    _code("libeigen3-dev", "h|cpp", 3),
    _code("openjdk-17-source", "java", 12, archive=r"src\.zip$", one_in=4),
    _code("golang-1.19-src", "go", 12),
    _code("rust-src", "rs", 10),
    _code("wordpress", "php|js|css", 6),
    _code("mediawiki", "php|js|sql", 9),
    _code("npm", "js", 3),
    _code("libruby3.1", "rb", 4),
    _code("perl-modules-5.36", "pm", 4),
    _code("emacs-el", "el(?:\\.gz)?", 4),
)

SCRIPTS = {
    "ar": "\u0600-\u06ff",
    "bn": "\u0980-\u09ff",
    "el": "\u0370-\u03ff",
    "fa": "\u0600-\u06ff",
    "he": "\u0590-\u05ff",
    "hi": "\u0900-\u097f",
    "ja": "\u3040-\u30ff\u4e00-\u9fff",
    "ka": "\u10a0-\u10ff",
    "ko": "\uac00-\ud7af",
    "ru": "\u0400-\u04ff",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e00-\u0e7f",
    "uk": "\u0400-\u04ff",
    "zh": "\u4e00-\u9fff",
}
"""The letters by which a paragraph counts as written in a language, where they are not Latin."""

LANGUAGES = (*SCRIPTS, *("de", "es", "fi", "fr", "hu", "id", "it", "pl", "pt", "tr", "vi"))
"""What the multilingual text is made of, in codes of ISO 639-1; zh is Chinese in simplified
characters."""

MEGABYTES_PER_LANGUAGE = 5.0

_HELP = ("el", "hi", "ja", "ko", "ru", "de", "es", "fi", "fr", "hu", "id", "it", "pl", "pt", "tr")
_TRANSLATED_DOCUMENTS = tuple(
    Source(package=package, kind="html", paths=paths)
    for package, paths in (
        *((f"libreoffice-help-{code}", r"\.html$") for code in (*_HELP, "vi", "zh-cn")),
        ("gnome-user-docs", r"/help/\w+/.*\.page$"),
        ("debian-handbook", r"\.html$"),
        ("installation-guide-amd64", r"\.html$"),
    )
)
_INTERFACES = (
    *(code for code in LANGUAGES if code not in ("zh", "fr", "es")),
    *("zh-cn", "fr", "es"),
)
_MESSAGES = tuple(
    Source(package=package, kind=kind, paths=rf"\.{kind}$")
    for package, kind in (
        *((f"libreoffice-l10n-{code}", "mo") for code in _INTERFACES),
        ("mediawiki", "json"),
        *((name, "mo") for name in ("vlc-l10n", "wordpress-l10n", "plasma-workspace-data")),
        *((name, "mo") for name in ("kate5-data", "digikam-data", "gnucash-common")),
        *((name, "mo") for name in ("libgtk-3-common", "python3-django", "kdevelop-data")),
        *((name, "mo") for name in ("gcompris-qt-data", "inkscape", "gimp-data")),
        *((name, "mo") for name in ("krita-data", "marble-data", "wesnoth-1.16-data")),
    )
)
MULTILINGUAL = (*_TRANSLATED_DOCUMENTS, *_MESSAGES)

_CODE = re.compile(r"(?:^|[/-])([a-z]{2})(?:[-_@]([A-Za-z]+))?(?=/|\.(?:json|mo)$)")


def language_of(path: str) -> str | None:
    """The language that a path names, as in /help/zh_CN/ or admin-it_IT.mo; None for none of ours.

    >>> language_of("usr/share/locale/pt_BR/LC_MESSAGES/vlc.mo")
    'pt'
    """
    for match in _CODE.finditer(path):
        code, region = match[1], (match[2] or "").lower()
        if code == "zh" and region not in ("cn", "hans"):
            continue
        if code in LANGUAGES:
            return code
    return None
