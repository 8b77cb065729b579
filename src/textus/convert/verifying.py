"""An export is read again and compared with the model before anybody is told that it is done."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from textus.convert.checkpoint import weight_files
from textus.convert.importing import import_weights
from textus.convert.match import differences
from textus.convert.tensors import TensorFiles, differing
from textus.errors import ConvertError
from textus.model.files import WEIGHTS, load_model, read_config
from textus.tokenizer.tokenizer import Tokenizer

Logits = Callable[[Tensor], Tensor]

TOLERANCE = 1e-3
"""Of logits, in units of the largest one: sums of float32 in another order, through many layers."""
TEXT = "To be, or not to be: 2 + 2 = 4.\n\n  Ça va? 你好, мир 🙂\tend\n"
LONGEST_PROMPT, LONGEST_TEXT = 48, 16


def compare(model: Path, export: Path, tokenizer: Tokenizer) -> str:
    """Reads `export` through transformers where it is installed, and otherwise back into a model of
    ours; says what was compared. Raises ConvertError where it is not the same model."""
    try:
        import transformers
    except ImportError:
        return compare_import(model, export)
    return compare_there(model, export, tokenizer, transformers)


def compare_there(model: Path, export: Path, tokenizer: Tokenizer, transformers: Any) -> str:
    """Logits of random tokens, the greedy text that follows them, and the ids of a text."""
    transformers.utils.logging.disable_progress_bar()
    _compare_ids(tokenizer, transformers.AutoTokenizer.from_pretrained(export))
    plain = {"attn_implementation": "eager"}
    if hasattr(transformers.PreTrainedModel, "set_experts_implementation"):
        plain["experts_implementation"] = "eager"  # the faster ones do not fit every width
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        export, dtype=torch.float32, use_safetensors=True, **plain
    ).eval()
    ours, prompt = load_model(model), _random_tokens(model)
    with torch.no_grad():
        furthest = _compare_logits(ours, lambda tokens: theirs(tokens).logits, prompt)
    return (
        f"read through transformers {transformers.__version__}: logits of {prompt.numel()} random "
        f"tokens differ by at most {furthest:.1e}, the greedy text behind them is the same, and so "
        "are the ids of a text"
    )


def compare_import(model: Path, export: Path) -> str:
    """The export imported again: every weight bit by bit, and logits."""
    with tempfile.TemporaryDirectory(dir=export.parent, prefix=".tmp-again-") as folder:
        again = Path(folder)
        import_weights(export, again)
        odd = differences(read_config(model), read_config(again))
        with TensorFiles([model / WEIGHTS]) as before, TensorFiles([again / WEIGHTS]) as after:
            odd += differing(before, after)
        if odd:
            raise ConvertError(f"the export is not the same model when it is read: {odd[:5]}")
        prompt = _random_tokens(model)
        with torch.no_grad():
            before, after = (load_model(folder)(prompt) for folder in (model, again))
    if not before.equal(after):
        raise ConvertError("the export gives other logits when it is read")
    count = len(weight_files(export))
    return (
        "transformers is not installed, so that the export was imported again: weights are the "
        f"same bit by bit ({count} file{'s' * (count > 1)}), and so are the logits of "
        f"{prompt.numel()} random tokens"
    )


def _random_tokens(model: Path) -> Tensor:
    config = read_config(model)
    length = max(1, min(LONGEST_PROMPT, config.max_seq_len // 2))
    generator = torch.Generator().manual_seed(0)
    return torch.randint(config.vocab_size, (1, length), generator=generator)


def _compare_logits(ours: Any, theirs: Logits, tokens: Tensor) -> float:
    """The largest difference, over the prompt and the greedy text behind it. Where two tokens are
    as likely as one another up to rounding, either may follow."""
    prompt, furthest = tokens.size(1), 0.0
    for _ in range(min(LONGEST_TEXT, ours.config.max_seq_len - prompt)):
        expected, found = ours(tokens), theirs(tokens)
        allowed = TOLERANCE * max(1.0, expected.abs().max().item())
        furthest = max(furthest, (expected - found).abs().max().item())
        if not furthest <= allowed:
            raise ConvertError(
                f"the export gives logits in transformers that differ by {furthest:.3g} from the "
                f"model's, which is more than rounding explains ({allowed:.3g})"
            )
        following = expected[:, -1].argmax(-1, keepdim=True)
        chosen = found[:, -1].argmax(-1, keepdim=True)
        gap = expected[:, -1].max() - expected[:, -1].gather(-1, chosen)
        if gap.item() > 2 * allowed:
            raise ConvertError("the export goes on with another text in transformers")
        tokens = torch.cat((tokens, following), dim=1)
    return furthest


def _compare_ids(ours: Tokenizer, theirs: Any) -> None:
    expected, found = ours.encode(TEXT), theirs.encode(TEXT, add_special_tokens=False)
    if expected != found:
        raise ConvertError(
            f"the exported tokenizer cuts {TEXT!r} into {found} in transformers, and here into "
            f"{expected}"
        )
