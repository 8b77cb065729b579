"""Continuing prompts with the model of a run folder."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from textus.generate.config import SampleConfig
from textus.generate.generate import generate
from textus.run.device import choose_device
from textus.run.folder import load_run


def write_continuations(
    run: Path, prompts: Sequence[str], config: SampleConfig, *, device: str
) -> None:
    """Writes each prompt and its continuation to stdout, a single one as it comes, several each
    under a heading; notes go to stderr."""
    loaded = load_run(run, device=choose_device(device)[0], say=_note)
    started = time.perf_counter()
    if len(prompts) == 1:
        heading = iter(prompts)  # written with the first piece: by then it is known to fit

        def put(_: int, piece: str) -> None:
            _put(next(heading, "") + piece)

        completions = generate(loaded.model, loaded.tokenizer, prompts, config, on_text=put)
        put(0, "\n")
    else:
        completions = generate(loaded.model, loaded.tokenizer, prompts, config)
        for prompt, completion in zip(prompts, completions, strict=True):
            _put(f"--- {prompt!r}\n{prompt}{completion.text}\n\n")
    seconds = time.perf_counter() - started
    tokens = sum(len(completion.ids) for completion in completions)
    reasons = ", ".join(sorted({completion.finish_reason for completion in completions}))
    _note(f"{tokens} tokens in {seconds:.2f} s ({tokens / seconds:.0f}/s), ended by: {reasons}")


def _put(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _note(text: str) -> None:
    print(text, file=sys.stderr)
