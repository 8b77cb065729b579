"""What each stage does: the parts of Textus, called with one another's results."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from textus.corpus.build import build_corpus
from textus.corpus.documents import Split, document_groups, read_documents
from textus.corpus.sources import digest as digest_of_files
from textus.corpus.sources import fingerprint
from textus.data.shard_writer import write_shards
from textus.evaluate.table import evaluation_json, score_table
from textus.generate.generate import generate
from textus.model.files import load_model
from textus.recipe import Tree, to_tree
from textus.run.device import choose_device
from textus.run.encoding import choose_workers, make_encoder, sampling_settings
from textus.run.folder import find_weights
from textus.run.graph import Context, Stage
from textus.run.measure import evaluate_held_out
from textus.run.pretrain import pretrain, read_begun
from textus.run.settings import Recipe
from textus.store import read_manifest, write_json
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

LITTLE_TEXT = 10_000
UNRECORDED = ("keep", "save_every", "tensorboard")  # of [train]: they do not change the model


def make_corpus(context: Context, out: Path) -> dict[str, Any]:
    """Reads, cleans and splits the documents."""
    report = build_corpus(context.recipe.corpus, out, progress=context.display.progress)
    for line in report.lines():
        context.display.say(line)
    if report.total.held_out.bytes < LITTLE_TEXT:
        context.display.say(
            f"only {report.total.held_out.bytes:,} bytes are held out: "
            "bits per byte will be uncertain"
        )
    return {"files": _source_files(context), "report": asdict(report.total)}


def make_tokenizer(context: Context, out: Path) -> dict[str, Any]:
    """Trains a tokenizer on the training split, or takes over that of the weights to start from."""
    if context.recipe.train.start:
        start = Path(context.recipe.train.start)
        tokenizer = Tokenizer.load(find_weights(start, context.display.say))
        context.display.say("the tokenizer of the weights that training starts from is taken over")
    else:
        texts = (text for _, text in _documents(context, "train"))
        tokenizer = train_tokenizer(
            texts, context.recipe.tokenizer, progress=context.display.progress
        )
        if tokenizer.vocab_size < context.recipe.tokenizer.vocab_size:
            context.display.say(
                f"the text gave {tokenizer.vocab_size:,} tokens instead of the "
                f"{context.recipe.tokenizer.vocab_size:,} asked for: "
                "nothing more repeats often enough"
            )
    tokenizer.save(out)
    return {"vocab_size": tokenizer.vocab_size}


def make_data(context: Context, out: Path) -> dict[str, Any]:
    """Writes both splits as token shards; `out` may hold those that were finished before."""
    tokenizer = Tokenizer.load(context.run / "tokenizer")
    counts: dict[str, Any] = {}
    splits: tuple[Split, ...] = ("train", "held_out")
    for split in splits:
        encoder = make_encoder(tokenizer, context.recipe, split)
        groups = document_groups(context.run / "corpus", split)
        written = write_shards(
            groups,
            out,
            split=split,
            encode=encoder,
            end_of_text=tokenizer.end_of_text,
            vocab_size=tokenizer.vocab_size,
            shard_tokens=context.recipe.data.shard_tokens,
            progress=context.display.progress,
            say=context.display.say,
            **choose_workers(encoder, groups),
        )
        counts[split] = {name: asdict(count) for name, count in written.items()}
        tokens = sum(count.tokens for count in written.values())
        size = sum(count.bytes for count in written.values())
        context.display.say(
            f"{split.replace('_', '-')}: {tokens:,} tokens, {size / tokens:.2f} bytes each"
        )
    return counts


def make_evaluation(context: Context, out: Path) -> dict[str, Any]:
    """Measures bits per byte of the held-out documents, source by source."""
    display = context.display
    evaluation = evaluate_held_out(context.run, display.say, display.progress)
    write_json(out / "evaluation.json", evaluation_json(evaluation))
    for line in score_table(evaluation):
        context.display.say(line)
    return {"bits_per_byte": evaluation.total.bits_per_byte}


def make_samples(context: Context, out: Path) -> dict[str, Any]:
    """Lets the model write, prompt by prompt."""
    samples = context.recipe.samples
    device, why = choose_device(context.recipe.device)
    context.display.say(f"device: {why}")
    model = load_model(context.run / "model", device=device)
    tokenizer = Tokenizer.load(context.run / "model")
    written = []
    for prompt in samples.prompts:
        context.display.text(f"\n--- {prompt!r}\n{prompt}")
        (completion,) = generate(
            model,
            tokenizer,
            [prompt],
            samples.settings,
            on_text=lambda _, piece: context.display.text(piece),
        )
        written.append({"prompt": prompt, **asdict(completion)})
    context.display.text("\n")
    write_json(out / "samples.json", written)
    return {"samples": len(written)}


def _documents(context: Context, split: Any) -> Iterator[tuple[str, str]]:
    for document in read_documents(context.run / "corpus", split):
        yield document.source, document.text


def _source_files(context: Context) -> list[dict[str, Any]]:
    manifest = read_manifest(context.run / "corpus")
    return fingerprint(context.recipe.corpus.source, manifest.counts["files"] if manifest else None)


def _corpus_outside(context: Context) -> dict[str, str]:
    return {"source files": digest_of_files(_source_files(context))}


def _start_outside(context: Context) -> dict[str, str]:
    start = context.recipe.train.start
    if not start:
        return {}
    manifest = read_manifest(find_weights(Path(start), context.display.say))
    return {"starting weights": manifest.digest if manifest else ""}


def _tokenize_settings(recipe: Recipe) -> Tree:
    sampling = sampling_settings(recipe)
    return {"shard_tokens": recipe.data.shard_tokens} | ({"sampling": sampling} if sampling else {})


def _pretrain_settings(recipe: Recipe) -> Tree:
    train = {k: v for k, v in to_tree(recipe.train).items() if k not in UNRECORDED}
    return {
        "seed": recipe.seed,
        "data": {"seq_len": recipe.data.seq_len, "seed": recipe.data.seed},
        "weights": {source.name: source.weight for source in recipe.corpus.source},
        "model": to_tree(recipe.model),
        "train": train,
    }


STAGES = (
    Stage(
        name="corpus",
        title="reads, cleans and splits the documents",
        output="corpus",
        version=1,
        inputs=(),
        outside=_corpus_outside,
        settings=lambda recipe: {"corpus": _corpus_settings(recipe)},
        work=make_corpus,
    ),
    Stage(
        name="tokenizer",
        title="learns which pieces of text become tokens",
        output="tokenizer",
        version=2,
        inputs=("corpus",),
        outside=_start_outside,
        settings=lambda recipe: {"tokenizer": to_tree(recipe.tokenizer)},
        work=make_tokenizer,
    ),
    Stage(
        name="tokenize",
        title="turns the documents into token shards",
        output="data",
        version=1,
        inputs=("corpus", "tokenizer"),
        settings=_tokenize_settings,
        resumable=True,
        work=make_data,
    ),
    Stage(
        name="pretrain",
        title="trains the model on the next token",
        output="model",
        version=1,
        inputs=("tokenizer", "tokenize"),
        outside=_start_outside,
        settings=_pretrain_settings,
        begun=read_begun,
        collective=True,
        work=pretrain,
    ),
    Stage(
        name="evaluate",
        title="measures the model on held-out text",
        output="evaluation",
        version=1,
        inputs=("tokenize", "pretrain"),
        settings=lambda recipe: {},
        work=make_evaluation,
    ),
    Stage(
        name="sample",
        title="lets the model write",
        output="samples",
        version=1,
        inputs=("pretrain",),
        settings=lambda recipe: {"samples": to_tree(recipe.samples)},
        work=make_samples,
    ),
)


def _corpus_settings(recipe: Recipe) -> Tree:
    """Without the weights, which decide what training draws, and without the places of the files,
    whose names and contents are among the inputs: a folder may be moved."""
    corpus = to_tree(recipe.corpus)
    left_out = ("weight", "uri")
    sources = [{k: v for k, v in s.items() if k not in left_out} for s in corpus["source"]]
    return corpus | {"source": sources}
