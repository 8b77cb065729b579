"""The loop: prompts in, texts out, many at once.

Each prompt is preceded by the end-of-text id, as every document is in training; an empty prompt
starts a new document. Prompts are read one by one, then all texts grow by a token at a time; those
that are finished leave. What a prompt becomes does not depend on the others.

The model's context is no end: a text that fills it goes on after the model has read the last half
of it anew, as if the text began there (training too begins rows in the middle of documents). What
came before is then forgotten.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from textus.errors import DataError
from textus.generate.cache import Cache
from textus.generate.config import SampleConfig
from textus.generate.output import StopScanner
from textus.generate.sampling import sample
from textus.model.embedding import NOTHING
from textus.model.transformer import Transformer
from textus.tokenizer.tokenizer import Tokenizer

OnText = Callable[[int, str], None]
FinishReason = Literal["stop", "length", "end_of_text"]


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What was written after one prompt."""

    text: str
    """Without the prompt, and without the stop string that ended it."""
    ids: tuple[int, ...]
    """Every token that was drawn, those of a stop string included, an end-of-text id not."""
    finish_reason: FinishReason
    """A stop string, `max_new_tokens`, or the model's own end of text."""
    prompt_tokens: int
    """Tokens read before the first was written, the end-of-text id before the prompt included."""
    rereads: int
    """How often the context was full and its last half was read anew."""
    first_token_seconds: float
    """From the call to the first token."""
    seconds: float
    """From the call to the last token."""


@torch.inference_mode()
def generate(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    config: SampleConfig,
    on_text: OnText | None = None,
) -> list[Completion]:
    """Continues each prompt; the results come in the order of the prompts.

    `on_text(row, piece)` is called with whole characters of the text of prompt number `row` as soon
    as they are certain; joined they are its completion's text. With a seed, a prompt's text is the
    same wherever it stands, and copies of a prompt get different texts. Raises DataError for a
    prompt longer than the context, unless `config.truncate_prompt`.
    """
    context = model.config.max_seq_len
    prompt_ids = _prompt_ids(model, tokenizer, prompts, truncate=config.truncate_prompt)
    draws = draws_for(prompt_ids, config.seed)
    texts = [
        _Text(i, ids, tokenizer, config, source, on_text)
        for i, (ids, source) in enumerate(zip(prompt_ids, draws, strict=True))
    ]
    cache = _cache_for(model, texts, config.max_new_tokens)
    for row, text in enumerate(texts):
        text.read(model, cache, row)
    writing = list(texts)
    while writing:
        for row, text in enumerate(writing):
            if text.length == context:
                text.reread(model, cache, row)
        logits = _step(model, cache, writing)[:, : tokenizer.vocab_size]
        ids = sample(logits, config, [text.random.random() for text in writing])
        for text, id_ in zip(writing, ids, strict=True):
            text.take(id_)
        _drop_finished(writing, cache)
    return [text.completion() for text in texts]


class _Text:
    """One prompt and what is written after it."""

    def __init__(
        self,
        number: int,
        ids: list[int],
        tokenizer: Tokenizer,
        config: SampleConfig,
        source: random.Random,
        on_text: OnText | None,
    ):
        self.number, self.ids, self.config, self.random = number, ids, config, source
        self.on_text = on_text
        self.end_of_text = tokenizer.end_of_text
        self.decoder, self.scanner = tokenizer.stream(), StopScanner(config.stop)
        self.prompt_tokens = len(ids)
        self.length = 0  # ids that the cache holds, from where reading last began
        self.rereads = 0
        self.pieces: list[str] = []
        self.finish_reason: FinishReason | None = None
        self.started = self.first = self.last = time.perf_counter()

    def read(self, model: Transformer, cache: Cache, row: int, start: int = 0) -> None:
        """Fills the row with the ids from `start` on, but the last, which the next step reads."""
        ids = self.ids[start:-1]
        if ids:
            tokens = torch.tensor([ids], device=cache.device)
            model.hidden_states(tokens, cache=cache.start_of(row, len(ids)))
        self.length = len(ids)

    def reread(self, model: Transformer, cache: Cache, row: int) -> None:
        """Makes room in a full context: its last half is read as if the text began there."""
        self.read(model, cache, row, start=-max(1, self.length // 2))
        self.rereads += 1

    def preceding(self, count: int) -> list[int]:
        """The `count` ids before the last that the model has read since reading last began; NOTHING
        stands for those that are not there."""
        ids = self.ids[-1 - min(count, self.length) : -1]
        return [NOTHING] * (count - len(ids)) + ids

    def take(self, id_: int) -> None:
        """Adds a token; sets `finish_reason` where the text ends with it."""
        self.last = time.perf_counter()
        if len(self.ids) == self.prompt_tokens:
            self.first = self.last
        self.length += 1
        if id_ == self.end_of_text:
            self._finish("end_of_text")
            return
        self.ids.append(id_)
        self._print(self.scanner.push(self.decoder.push(id_)))
        if self.scanner.stopped:
            self.finish_reason = "stop"
        elif len(self.ids) - self.prompt_tokens == self.config.max_new_tokens:
            self._finish("length")

    def completion(self) -> Completion:
        assert self.finish_reason is not None
        return Completion(
            text="".join(self.pieces),
            ids=tuple(self.ids[self.prompt_tokens :]),
            finish_reason=self.finish_reason,
            prompt_tokens=self.prompt_tokens,
            rereads=self.rereads,
            first_token_seconds=self.first - self.started,
            seconds=self.last - self.started,
        )

    def _finish(self, reason: FinishReason) -> None:
        rest = self.scanner.push(self.decoder.flush())
        self.finish_reason = "stop" if self.scanner.stopped else reason
        self._print(rest + self.scanner.flush())

    def _print(self, piece: str) -> None:
        if piece:
            self.pieces.append(piece)
            if self.on_text:
                self.on_text(self.number, piece)


def _prompt_ids(
    model: Transformer, tokenizer: Tokenizer, prompts: Sequence[str], *, truncate: bool
) -> list[list[int]]:
    """The ids that the model reads for each prompt; DataError where it cannot."""
    known, context = model.config.vocab_size, model.config.max_seq_len
    if tokenizer.vocab_size > known:
        raise DataError(
            f"the tokenizer has {tokenizer.vocab_size:,} ids and the model knows {known:,}: they "
            "do not belong together; use the tokenizer that the model was trained with"
        )
    all_ids = [[tokenizer.end_of_text, *tokenizer.encode(prompt)] for prompt in prompts]
    for number, ids in enumerate(all_ids, 1):
        if len(ids) > context and not truncate:
            raise DataError(
                f"prompt {number} has {len(ids):,} tokens, end-of-text before it included, "
                f"but the model's context is {context:,}; shorten it, or have only "
                "its end read with --truncate-prompt (in Python truncate_prompt=True)"
            )
    return [ids[-context:] for ids in all_ids]


def draws_for(prompt_ids: Sequence[list[int]], seed: int | None) -> list[random.Random]:
    """A source of numbers for each prompt, made of the seed, the prompt and its earlier copies.

    Were it made of the seed alone, all prompts would draw the same numbers, and at a high
    temperature nearly the same tokens.
    """
    if seed is None:
        return [random.Random() for _ in prompt_ids]
    copies = [prompt_ids[:i].count(ids) for i, ids in enumerate(prompt_ids)]
    return [
        random.Random(f"{seed} {copy} {ids}") for copy, ids in zip(copies, prompt_ids, strict=True)
    ]


def _cache_for(model: Transformer, texts: Sequence[_Text], max_new_tokens: int) -> Cache:
    weight = model.embedding.weight
    longest = max((len(text.ids) for text in texts), default=0) + max_new_tokens
    return Cache(
        model.config,
        rows=len(texts),
        capacity=min(model.config.max_seq_len, longest),
        dtype=weight.dtype,
        device=weight.device,
    )


def _step(model: Transformer, cache: Cache, writing: Sequence[_Text]) -> Tensor:
    """Reads the last id of each text; logits (rows, vocab_size) of the next."""
    device = cache.device
    tokens = torch.tensor([text.ids[-1:] for text in writing], device=device)
    lengths = [text.length for text in writing]
    positions = torch.tensor(lengths, device=device)[:, None]
    preceding = None
    if count := model.config.embedding.lookback:
        preceding = torch.tensor([text.preceding(count) for text in writing], device=device)
    cached = cache.next_of(lengths)
    return model(tokens, positions=positions, cache=cached, preceding=preceding)[:, -1]


def _drop_finished(writing: list[_Text], cache: Cache) -> None:
    """Moves last rows into the gaps of finished texts: those that go on are the first rows."""
    for row in reversed(range(len(writing))):
        if writing[row].finish_reason:
            last = writing.pop()
            if row < len(writing):
                writing[row] = last
                cache.copy_row(len(writing), row)
