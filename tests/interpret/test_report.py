import re
from html.parser import HTMLParser
from typing import Any

import pytest

from textus.corpus.report import Amount, Problem, SourceReport
from textus.interpret import report as page
from textus.interpret.report import (
    Compressor,
    RunReport,
    Sample,
    Setting,
    Source,
    Speed,
    Split,
    StageTime,
    StoredFile,
    render_report,
)
from textus.interpret.tokens import view_tokenizer
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.train import train_tokenizer

SCRIPT = "<script>alert('x')</script>"
VOID = {"meta", "wbr", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """What is on a page; `open` must be empty at its end."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "data")]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def records(steps: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        loss = 3 + 5 / step + 0.1 * (step * 7919 % 13)
        found.append(
            {
                "step": step,
                "loss": loss,
                "gradient_norm": 0.5 + loss / 10,
                "learning_rate": 0.02,
                "tokens": 8192 * step,
                "skipped": int(step > 3),
                "seconds": 0.5 * step,
                "tokens_per_second": 16_000 + step * 31 % 500,
            }
        )
        if step % max(1, steps // 10) == 0:
            found.append({"step": step, "held_out_bits_per_byte": 2 + 1 / step})
    return found


def source(name: str = "plays") -> Source:
    return Source(
        corpus=SourceReport(
            name=name,
            uri="package:plays",
            files=38,
            read=Amount(40, 5_000_000),
            kept=Amount(38, 4_900_000),
            dropped={"exact_duplicate": Amount(2, 100_000)},
            train=Amount(38, 4_800_000),
            held_out=Amount(6, 100_000),
            problem_count=3,
            problems=[Problem("a.jsonl:7", f"broken {SCRIPT}")],
        ),
        asked=0.25,
        drawn=0.251,
        epochs=1.5,
        bits_per_byte=1.875,
    )


def sample(text: str = "Enter a weaver.", prompt: str = "ROMEO") -> Sample:
    return Sample(prompt=prompt, text=text, tokens=5, finish_reason="length", seconds=0.1)


def full_report(**changes: Any) -> RunReport:
    tokenizer = train_tokenizer(["the weaver wove\n" * 20], BPEConfig(vocab_size=265))
    values: dict[str, Any] = {
        "name": "quickstart",
        "created": "2026-03-04T05:06:07+0000",
        "versions": {"python": "3.11.7", "torch": "2.11"},
        "device": "cpu with 2 threads",
        "bits_per_byte": 1.8125,
        "compressor": Compressor(name="xz", bits_per_byte=2.5),
        "parameters": 5_049_600,
        "model": "qwen3: 4 layers",
        "samples": (sample(),),
        "samples_settings": "Temperature 0.8",
        "metrics": records(50),
        "steps": 50,
        "sources": (source(),),
        "tokenizer": view_tokenizer(tokenizer, f"the weaver {SCRIPT}"),
        "splits": (Split(name="training", bytes=3000, tokens=1000),),
        "speed": Speed(steps=50, tokens=409_600, seconds=25.0, peak_memory=1_340_000_000),
        "stages": (
            StageTime(name="corpus", title="reads", seconds=2.5),
            StageTime(name="pretrain", title="trains", seconds=None),
        ),
        "settings": (Setting(path="train.steps", value="50", origin="20 tokens a parameter"),),
        "files": (StoredFile(path="corpus/train.parquet", bytes=4096, sha256="ab12" * 16),),
    }
    return RunReport(**(values | changes))


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(full_report())


@pytest.mark.parametrize(
    "shown",
    [
        *("quickstart", "2026-03-04, 05:06", "torch 2.11", "cpu with 2 threads"),
        *("1.812", "xz needs 2.50 for the same text", "5.05 M", "410 k", "25.0 s"),
        *("ROMEO", "Enter a weaver.", "Temperature 0.8"),
        *("Training loss", "Held-out bits per byte", "Learning rate", "Gradient norm"),
        *("Red at the foot: skipped steps", "plays", "4.90 MB", "exact duplicate"),
        *("25.1%", "25.0% asked", "1.50", "1.875", "a.jsonl:7", "and 2 more"),
        *("3.00 bytes", "<|endoftext|>", "not finished", "2.50 s", "1.34 GB"),
        *("train.steps", "20 tokens a parameter", "corpus/train.parquet", "ab12" * 16),
    ],
)
def test_the_report_shows(html: str, shown: str) -> None:
    assert shown in " ".join(Page(html).text.split())


def test_the_page_is_well_formed_and_its_names_are_unique(html: str) -> None:
    parsed = Page(html)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    inner = {address[1:] for address in parsed.addresses}
    assert inner <= set(parsed.ids)


def test_the_page_refers_to_nothing_outside_itself(html: str) -> None:
    parsed = Page(html)
    assert all(address.startswith("#") for address in parsed.addresses)
    assert not {"script", "link", "img", "iframe"} & set(parsed.tags)
    assert not re.search(r"https?:|@import|url\((?!#)", html)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": SCRIPT},
        {"samples": (sample(SCRIPT, SCRIPT),)},
        {"sources": (source(SCRIPT), source("other"))},
        {"problems": (f"see {SCRIPT} and `{SCRIPT}`",)},
        {"settings": (Setting(path=SCRIPT, value=SCRIPT, origin=SCRIPT),)},
        {"files": (StoredFile(path=SCRIPT, bytes=1, sha256=SCRIPT),)},
        {
            "device": SCRIPT,
            "model": SCRIPT,
            "compressor": Compressor(name=SCRIPT, bits_per_byte=2.0),
        },
        {"versions": {SCRIPT: SCRIPT}},
    ],
)
def test_texts_are_shown_as_they_are_and_never_run(changes: dict[str, Any]) -> None:
    parsed = Page(render_report(full_report(metrics=(), **changes)))
    assert "script" not in parsed.tags
    assert SCRIPT in parsed.text
    assert parsed.open == []


def test_a_compressor_that_was_given_a_part_is_not_said_to_have_had_all() -> None:
    part = Compressor(name="xz", bits_per_byte=2.5, characters=1_000_000)
    text = Page(render_report(full_report(metrics=(), compressor=part))).text
    assert "xz needs 2.50 for the first 1,000,000 characters of it" in text


def test_problems_stand_before_the_numbers() -> None:
    text = Page(render_report(full_report(metrics=(), problems=("training is not finished",)))).text
    assert text.index("training is not finished") < text.index("Parameters")


def test_a_run_that_has_nothing_yet_has_a_page() -> None:
    html = render_report(RunReport(name="new", versions={}))
    parsed = Page(html)
    assert parsed.open == []
    assert "new" in parsed.text
    assert "svg" not in parsed.tags
    assert "None" not in parsed.text


@pytest.mark.parametrize(
    "part", ["samples", "metrics", "sources", "tokenizer", "speed", "settings", "bits_per_byte"]
)
def test_each_part_may_be_missing(part: str) -> None:
    empty = None if part in ("tokenizer", "speed", "bits_per_byte") else ()
    parsed = Page(render_report(full_report(**{part: empty})))
    assert parsed.open == []
    assert {address[1:] for address in parsed.addresses} <= set(parsed.ids)
    assert "None" not in parsed.text


def test_prompts_stand_in_another_weight_and_line_breaks_stay() -> None:
    html = render_report(full_report(metrics=(), samples=(sample("one\n\n  two", prompt="A & B"),)))
    assert "<b>A &amp; B</b>one\n\n  two</p>" in html


def test_characters_that_no_page_may_hold_are_replaced() -> None:
    html = render_report(full_report(metrics=(), samples=(sample("a\x00b\x11c"),)))
    assert "a\ufffdb\ufffdc" in html


def test_a_long_run_gives_a_page_of_ordinary_size() -> None:
    report = full_report(
        metrics=records(20_000),
        samples=tuple(sample("weft " * 10_000) for _ in range(100)),
        sources=tuple(source(f"source {i}") for i in range(500)),
        files=tuple(StoredFile(path=f"f{i}", bytes=1, sha256="0" * 64) for i in range(2000)),
    )
    html = render_report(report)
    assert len(html.encode()) < 500_000
    text = " ".join(Page(html).text.split())
    assert f"The first {page.SAMPLES} of 100 samples" in text
    assert f"with {500 - page.SOURCES} that are not shown" in text
    assert f"and {2000 - page.FILES:,} more, in the manifests" in text
