"""Whether a GGUF file that was written says what the model is: reloaded, and run by llama.cpp."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from textus.convert.gguf_file import BLOCK_LENGTH, Content, DType, read, storage
from textus.convert.gguf_forms import Biases
from textus.convert.gguf_llama_cpp import LlamaCpp, is_installed
from textus.convert.gguf_match import Match, described, differences
from textus.convert.gguf_weights import Tensors, settled_weights, to_ours, to_theirs
from textus.errors import ConvertError
from textus.model.config import ExpertsConfig, ModelConfig
from textus.model.feed_forward import ACTIVATIONS, Gated, Plain
from textus.model.transformer import Transformer
from textus.tokenizer.tokenizer import Tokenizer

TEXTS = (
    "The year 2024 had 366 days; it's 1,234,567.89 of what we'll've counted by 10:45pm.\n",
    "  Two spaces,\ttabs\t\tand\n\n\nempty lines.\r\n   \n    def f(x):\n        return x  \n\n",
    "naïve café, Ünïcödé — “quotes”, … Ελληνικά, русский текст, עברית, हिन्दी १२३, ไทย.",
    "日本語のテキスト、中文字符。한국어 문장입니다. ２０２４年 ①②③ ½ ٣٤٥",
    "🙂👩‍👩‍👧‍👦🇩🇪 e\u0301 \u00a0\u2003\u3000 \ufeffx\u200b",
    "I'M HERE, We'LL see 'tis ''quoted'' don'T CamelCaseWords HTTPServer's x_1/y2\n//#!?",
    "<|endoftext|> <s> [INST] </s> <unk>",
)
"""What tokenizers tend to differ in: numbers, contractions, white space, scripts, emoji, names."""

_TOLERANCE = {"f32": 0.05, "f16": 0.2, "q8_0": 2.0}
"""Of logarithms of probabilities. With less precision llama.cpp rounds what a matrix meets to the
matrix's own type."""
_SHOWN = 64  # of the likeliest ids, whose logarithms are compared
_PROMPT, _STEPS = 48, 24  # ids that are read, and then written greedily
_CONTEXT = 128  # as long as llama.cpp needs room for
_TIE = 1e-5  # logarithms nearer than this are equal
_NEAR = 30.0  # ids less likely than exp(-30) are not compared


def check(
    path: Path, match: Match, model: Transformer, tokenizer: Tokenizer, dtype: DType
) -> list[str]:
    """Compares a file with what it was made from; a sentence for each check that was made.

    Raises ConvertError where something differs more than the file's type explains.
    """
    content = read(path)
    weights = settled_weights(model, match.config)
    _check_weights(to_theirs(weights, match.config, match.form), content.tensors, dtype)
    _check_settings(content, match)
    rebuilt = Transformer(match.config).eval()
    rebuilt.load_state_dict(to_ours(content.tensors, match.config, match.form), strict=False)
    ids = _some_ids(tokenizer, model.config.max_seq_len)
    said = [_compare_logits(model, rebuilt, ids, dtype)]
    _look_gelu_up(rebuilt)
    if not is_installed():
        return [*said, "not run in llama.cpp: for that, too, pip install xllamacpp"]
    with LlamaCpp(path, seq_len=min(_CONTEXT, model.config.max_seq_len)) as llama:
        return [*said, *_ask_llama_cpp(llama, rebuilt, tokenizer, ids, dtype)]


def _check_settings(content: Content, match: Match) -> None:
    """Raises ConvertError unless a file's keys say what the model is."""
    found = described(match.form, content.keys, _biases_in(content.tensors))
    if odd := list(differences(match.config, found)):
        raise ConvertError(f"the file's keys came back as something else: {'; '.join(odd)}")


def _biases_in(tensors: Mapping[str, Tensor]) -> Biases:
    inputs = "blk.0.attn_q.bias" in tensors or "blk.0.attn_qkv.bias" in tensors
    kinds = {(False, False): "none", (True, False): "input", (False, True): "output"}
    return Biases(
        attention=kinds.get((inputs, "blk.0.attn_output.bias" in tensors), "all"),
        feed_forward="blk.0.ffn_down.bias" in tensors or "blk.0.ffn_down_exps.bias" in tensors,
        head="output.bias" in tensors,
    )


def _check_weights(ours: Tensors, found: Mapping[str, Tensor], dtype: DType) -> None:
    """Raises ConvertError unless a file's tensors are ours, as exactly as their types can be."""
    if odd := sorted(ours.keys() ^ found.keys()):
        raise ConvertError(f"the file's tensors are not the model's: {odd[:5]}")
    for name, tensor in ours.items():
        kind, there = storage(name, tensor, dtype), found[name].view(tensor.shape)
        if kind == "q8_0":
            blocks = tensor.unflatten(-1, (-1, BLOCK_LENGTH))
            step = blocks.abs().amax(-1, keepdim=True) / 127
            wrong = (blocks - there.view_as(blocks)).abs() > 0.6 * step + 1e-7
            exact = not wrong.any()
        else:
            exact = torch.equal(there, tensor.half().float() if kind == "f16" else tensor)
        if not exact:
            raise ConvertError(f"the tensor {name} came back from the file as something else")


def _some_ids(tokenizer: Tokenizer, seq_len: int) -> list[int]:
    """The beginning of a document, as long as there is room for it and for what follows."""
    ids = [tokenizer.end_of_text, *tokenizer.encode(" ".join(TEXTS[:4]))]
    return ids[: min(_PROMPT, max(1, seq_len // 2))]


@torch.no_grad()
def _compare_logits(model: Transformer, rebuilt: Transformer, ids: list[int], dtype: DType) -> str:
    row = torch.tensor([ids])
    before, after = model.cpu()(row), rebuilt(row)
    difference = (before - after).abs().max().item()
    bound = 1e-4 * max(1.0, before.abs().max().item())
    if dtype == "f32" and difference > bound:
        raise ConvertError(
            f"the model read back from the file has other logits, by {difference:.2g}: "
            "this is a fault of Textus"
        )
    kept = "weights bit for bit the same, " if dtype == "f32" else ""
    return f"read back: {kept}logits of {len(ids)} tokens differ by at most {difference:.2g}"


def _look_gelu_up(model: Transformer) -> None:
    """Makes the model compute GELU as llama.cpp does: from a table of half precision."""
    for layer in model.modules():
        if isinstance(layer, Plain | Gated) and layer.activation in _GELUS:
            layer.activation = _tabled_gelu


_GELUS = (ACTIVATIONS["gelu"], ACTIVATIONS["gelu_tanh"])


def _tabled_gelu(x: Tensor) -> Tensor:
    found = ACTIVATIONS["gelu_tanh"](x.half().float()).half().float()
    return found.where(x < 10, x).where(x > -10, 0.0)


def _ask_llama_cpp(
    llama: LlamaCpp, rebuilt: Transformer, tokenizer: Tokenizer, ids: list[int], dtype: DType
) -> Iterator[str]:
    _compare_ids(llama, tokenizer)
    yield f"llama.cpp cuts {len(TEXTS)} texts into the same ids"
    difference = _compare_probabilities(llama, rebuilt, ids, tokenizer.encode("a")[0])
    allowed = _tolerance(rebuilt.config, dtype)
    if not difference <= allowed:
        raise ConvertError(
            "llama.cpp computes other probabilities from the file: their logarithms differ by "
            f"{difference:.2g}, more than {allowed}"
        )
    yield f"its logarithms of probabilities differ by at most {difference:.2g}"
    gap = max(2 * difference, _TIE) if math.isfinite(allowed) else math.inf
    yield _compare_greedy(llama, rebuilt, ids, gap)


def _tolerance(config: ModelConfig, dtype: DType) -> float:
    """How far llama.cpp's logarithms of probabilities may be from ours with the same weights; there
    is no bound where rounding may send a token to other experts."""
    mixed = any(isinstance(layer.feed_forward, ExpertsConfig) for layer in config.layers)
    return math.inf if mixed and dtype != "f32" else _TOLERANCE[dtype]


def _compare_ids(llama: LlamaCpp, tokenizer: Tokenizer) -> None:
    for text in TEXTS:
        ours, theirs = tokenizer.encode(text), llama.encode(text)
        if ours != theirs:
            place = next(
                (i for i, pair in enumerate(zip(ours, theirs, strict=False)) if len(set(pair)) > 1),
                min(len(ours), len(theirs)),
            )
            raise ConvertError(
                f"llama.cpp cuts {text!r} into other tokens: from token {place + 1} on "
                f"{theirs[place : place + 5]} instead of {ours[place : place + 5]}"
            )
    document = [tokenizer.end_of_text, *tokenizer.encode("Yes.")]
    if (theirs := llama.encode_document("Yes.")) != document:
        raise ConvertError(f"llama.cpp begins a document with {theirs} instead of {document}")


@torch.no_grad()
def _next_log_probabilities(model: Transformer, ids: Sequence[int]) -> Tensor:
    return torch.log_softmax(model(torch.tensor([list(ids)]))[0, -1].double(), -1)


def _compare_probabilities(llama: LlamaCpp, model: Transformer, ids: list[int], pick: int) -> float:
    """The largest difference over the likeliest ids behind eight beginnings of a document."""
    count, largest = min(_SHOWN, model.config.vocab_size), 0.0
    for length in sorted({max(1, len(ids) * n // 8) for n in range(1, 9)}):
        ours = _next_log_probabilities(model, ids[:length]).tolist()
        for id_, theirs in llama.log_probabilities(ids[:length], count, pick).items():
            if ours[id_] > -_NEAR:
                largest = max(largest, abs(ours[id_] - theirs))
            if math.isnan(theirs):
                return math.nan
    return largest


def _compare_greedy(llama: LlamaCpp, model: Transformer, ids: list[int], gap: float) -> str:
    """Writes the likeliest ids both ways. They may part only where the logarithms of two ids'
    probabilities are no further apart than `gap`, and are compared no further."""
    room = model.config.max_seq_len - len(ids)
    theirs, row = llama.continue_greedily(ids, min(_STEPS, max(1, room))), list(ids)
    for place, id_ in enumerate(theirs):
        ours = _next_log_probabilities(model, row)
        best = int(ours.argmax())
        lead = (ours[best] - ours[id_]).item()
        if lead > gap:
            raise ConvertError(
                f"llama.cpp writes another text from the file: token {place + 1} is {id_} "
                f"instead of {best}, which is {math.exp(lead):.3g} times as likely"
            )
        if best != id_:
            return (
                f"its greedy text is the same for {place} tokens; the next one is another, "
                f"{math.exp(-lead):.2g} times as likely as ours"
            )
        row.append(id_)
    return f"its greedy text is the same for {len(theirs)} tokens"
