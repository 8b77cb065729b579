from textus.run.freshness import outdated
from textus.store import Manifest


def made(name: str, *sources: Manifest, content: str = "1", **outside: str) -> Manifest:
    return Manifest(
        kind=name,
        inputs={source.kind: source.digest for source in sources} | outside,
        files={"file": {"bytes": 1, "sha256": content}},
    )


def by_name(*manifests: Manifest) -> dict[str, Manifest]:
    return {manifest.kind: manifest for manifest in manifests}


def test_a_stage_is_outdated_until_what_was_made_from_it_is_made_again() -> None:
    corpus = made("corpus", outside="another digest")
    tokenizer = made("tokenizer", corpus)
    data = made("data", corpus, tokenizer)
    assert outdated(by_name(corpus, tokenizer, data)) == {}
    newer = made("corpus", content="2")
    assert outdated(by_name(newer, tokenizer, data)) == {
        "tokenizer": ["corpus"],
        "data": ["corpus"],
    }
    fresh = made("tokenizer", newer, content="2")
    assert outdated(by_name(newer, fresh, data)) == {"data": ["corpus", "tokenizer"]}


def test_an_input_that_is_gone_is_not_looked_at() -> None:
    assert outdated(by_name(made("tokenizer", made("corpus")))) == {}
