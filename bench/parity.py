"""How near each architecture is to its reference: logits, files there and back, cache, llama.cpp.

    python bench/parity.py
    python bench/parity.py --table

Needs transformers, and for the last column gguf and xllamacpp; about two minutes. The models are
the tiny ones of tests/parity, every parameter of them random, with as many ids as bytes and an end
of text need. For each a checkpoint of transformers is saved and imported, and then:

float32, bfloat16   largest difference of logits between ours and theirs, both in that type. Beside
                    bfloat16 stands how far theirs is from its own float32: the type's own error.
there and back      imported, exported, imported again: both files bit by bit the same.
cache               largest difference between token-by-token decoding and one whole pass.
llama.cpp           largest difference of logarithms of probabilities between ours and llama.cpp on
                    the float32 GGUF file, for the models of tests/convert that it has a counterpart
                    of; its GELU is a table in half precision.

GPT-3 has no reference: its row is against GPT-2's blocks of transformers under dense masks.
`--table` prints the table of the docs from the JSON, the worst of each architecture's models.
"""

import argparse
import importlib.util
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from _machine import RESULTS, ROOT, header, significant, write_json

OUT = RESULTS / "parity.json"
TESTS = ROOT / "tests"
VOCAB_SIZE = 288
"""Above the 257 ids of a tokenizer of bytes, and a multiple of the 32 that some formats want."""
SEQ_LEN, PROMPT = 32, 12
FAMILY_OF = {"llama3": "llama", "gemma3": "gemma3_text"}
"""The model_type of presets that are called otherwise."""
LIKELIEST = 32
"""Ids whose probabilities llama.cpp is asked for, behind one text."""
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cases", nargs="*", help="names of models; all if not given")
    parser.add_argument("--table", action="store_true", help="print the table, measure nothing")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.out.read_text("utf-8"))))
        return
    result = header("textus", "torch", "transformers", "gguf", "xllamacpp") | {"rows": {}}
    result["llama_cpp"] = {}
    for part, name, row in all_rows(args.cases):
        result[part][name] = row
        write_json(args.out, result)
        print(name, row, flush=True)
    print(table(result))


def table(result: dict[str, Any]) -> str:
    """The rows of a result as a table in Markdown, a line for each architecture."""
    lines = [
        "| architecture | models | float32 | bfloat16 (its own error) | there and back | cache "
        "| llama.cpp |",
        "|---|---|---|---|---|---|---|",
    ]
    families: dict[str, list[Row]] = defaultdict(list)
    for row in result["rows"].values():
        families[row["family"]].append(row)
    for family, rows in families.items():
        llama = [row for row in result["llama_cpp"].values() if row["family"] == family]
        cells = [family, str(len(rows)), f"{_worst(rows, 'float32'):.0e}"]
        cells += [f"{_worst(rows, 'bfloat16'):.2g} ({_worst(rows, 'bfloat16_of_theirs'):.2g})"]
        cells += [_files(rows), f"{_worst(rows, 'cache'):.0e}", _llama(llama)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _worst(rows: list[Row], key: str) -> float:
    return max(row[key] for row in rows)


def _files(rows: list[Row]) -> str:
    if any(row["there_and_back"] is None for row in rows):
        return "-"
    return "the same" if all(row["there_and_back"] for row in rows) else "other"


def _llama(rows: list[Row]) -> str:
    if not rows:
        return "-"
    models = f" ({len(rows)} models)" if len(rows) > 1 else ""
    return f"{_worst(rows, 'difference'):.0e}{models}"


def all_rows(names: list[str] | None) -> Iterator[tuple[str, str, Row]]:
    """The part of the result that a row belongs to, its name and the row itself."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    families = load(TESTS / "parity" / "test_families.py")
    for name in chosen(families.CASES, names):
        with tempfile.TemporaryDirectory() as folder:
            yield "rows", name, measure(name, families, Path(folder))
    for name in chosen(["gpt3"], names):
        yield "rows", name, measure_gpt3()
    if find_spec("gguf") is None or find_spec("xllamacpp") is None:
        print("without llama.cpp: pip install gguf xllamacpp")
        return
    cases = load(TESTS / "convert" / "test_gguf.py").RUN
    for name in chosen(cases, names):
        with tempfile.TemporaryDirectory() as folder:
            yield "llama_cpp", name, measure_llama(cases[name], Path(folder))


def chosen(all_: Iterable[str], names: list[str] | None) -> list[str]:
    return [name for name in all_ if names is None or name in names]


def load(path: Path) -> ModuleType:
    """A file of the tests as a module: the models are written down once, there."""
    spec = importlib.util.spec_from_file_location(f"_shared_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(name: str, families: ModuleType, folder: Path) -> Row:
    """All figures of one model of the tests."""
    import torch
    import transformers

    from textus.convert.importing import import_weights
    from textus.model.files import load_model

    model_type = families.CASES[name][0]
    settings = families.their_config(name)
    settings.vocab_size = VOCAB_SIZE
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(settings).eval()
    randomise = load(TESTS / "conftest.py").randomise
    randomise(theirs, std=families.SPREAD.get(model_type, 0.2))
    with torch.no_grad():
        families.randomise_picks(theirs)
    theirs.save_pretrained(folder / "theirs")
    (folder / "ours").mkdir()
    family = import_weights(folder / "theirs", folder / "ours").family
    ours, tokens = load_model(folder / "ours"), some_tokens()
    return {
        "family": family,
        "parameters": sum(parameter.numel() for parameter in ours.parameters()),
        **logit_differences(ours, theirs, lambda model: model(tokens).logits, tokens),
        "there_and_back": comes_back(folder),
        "cache": cache_difference(ours, tokens[:1]),
    }


def some_tokens() -> Any:
    import torch

    return torch.randint(257, (2, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def logit_differences(ours: Any, theirs: Any, run: Any, tokens: Any) -> Row:
    """Largest differences in both types; `run` gives the logits of a model of theirs."""
    import copy

    import torch

    with torch.no_grad():
        expected, found = run(theirs), ours(tokens)
        low, there = copy.deepcopy(ours).bfloat16(), copy.deepcopy(theirs).bfloat16()
        low_found, low_expected = low(tokens).float(), run(there).float()
    return {
        "logits_std": significant(expected.std().item()),
        "float32": _largest(found - expected),
        "bfloat16": _largest(low_found - low_expected),
        "bfloat16_of_theirs": _largest(low_expected - expected),
    }


def _largest(difference: Any) -> float:
    return significant(difference.abs().max().item())


def comes_back(folder: Path) -> bool:
    """Whether the exported model, imported again, is the same files bit by bit."""
    from textus.convert.exporting import export_weights
    from textus.convert.importing import import_weights

    for name in ("exported", "again"):
        (folder / name).mkdir()
    export_weights(folder / "ours", folder / "exported")
    import_weights(folder / "exported", folder / "again")
    names = ("config.json", "model.safetensors")
    pairs = ([(folder / side / name).read_bytes() for side in ("ours", "again")] for name in names)
    return all(before == after for before, after in pairs)


def cache_difference(model: Any, ids: Any) -> float:
    """The first tokens read at once, the others one by one, against a whole pass."""
    import torch

    from textus.generate.cache import Cache

    seq, weight = ids.size(1), model.embedding.weight
    cache = Cache(model.config, rows=1, capacity=seq, dtype=weight.dtype, device=weight.device)
    with torch.inference_mode():
        logits = [model(ids[:, :PROMPT], cache=cache.start_of(0, PROMPT))]
        for t in range(PROMPT, seq):
            positions = torch.tensor([[t]])
            slots = cache.next_of([t])
            logits.append(model(ids[:, t : t + 1], positions=positions, cache=slots))
        return _largest(torch.cat(logits, dim=1) - model(ids))


def measure_llama(case: tuple[str, str, dict[str, Any]], folder: Path) -> Row:
    """A random model of a preset with settings, exported and run by an architecture of llama.cpp's:
    the first, the last and the second of `case`."""
    import torch

    from textus.convert.gguf import FILE, export_gguf
    from textus.convert.gguf_llama_cpp import LlamaCpp
    from textus.model.files import save_model
    from textus.tokenizer import BytesConfig, train_tokenizer

    ours, theirs, settings = case
    model = load(TESTS / "conftest.py")._make_model(ours, **settings)
    tokenizer = train_tokenizer([], BytesConfig(vocab_size=257))
    (folder / "ours").mkdir()
    save_model(model, folder / "ours")
    tokenizer.save(folder / "ours")
    export_gguf(folder / "ours", folder / "gguf", dtype="f32")
    seq_len = min(SEQ_LEN, model.config.max_seq_len)
    ids = [tokenizer.end_of_text, *tokenizer.encode("A text of bytes")][: seq_len - 1]
    with torch.inference_mode():
        expected = model(torch.tensor([ids]))[0, -1].double().log_softmax(-1)
    with LlamaCpp(folder / "gguf" / FILE, seq_len=seq_len) as llama:
        found = llama.log_probabilities(ids, LIKELIEST, tokenizer.encode("a")[0])
    return {
        "family": FAMILY_OF.get(ours, ours),
        "llama_cpp": theirs,
        "difference": significant(max(abs(expected[i].item() - p) for i, p in found.items())),
    }


def measure_gpt3() -> Row:
    """GPT-3's model of the tests against its twin of masks."""
    import transformers

    from textus.convert.families.gpt import GPT2
    from textus.model.transformer import Transformer

    twin = load(TESTS / "parity" / "test_gpt3.py")
    config = twin.CONFIG
    settings = transformers.AutoConfig.for_model(
        "gpt2",
        vocab_size=config.vocab_size,
        n_positions=config.max_seq_len,
        n_embd=config.model_dim,
        n_layer=config.num_layers,
        n_head=config.attention.num_heads,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="eager",
    )
    theirs = transformers.AutoModelForCausalLM.from_config(settings).eval()
    load(TESTS / "conftest.py").randomise(theirs)
    ours, tensors = Transformer(config).eval(), theirs.state_dict()
    for rule in GPT2.rules(config):
        made = rule.to_ours([tensors[name] for name in rule.theirs])
        ours.load_state_dict(dict(zip(rule.ours, made, strict=True)), strict=False)
    tokens = some_tokens()[:, : config.max_seq_len] % config.vocab_size
    return {
        "family": "gpt3",
        "parameters": sum(parameter.numel() for parameter in ours.parameters()),
        **logit_differences(
            ours, theirs, lambda model: twin.logits_under_masks(model, tokens), tokens
        ),
        "there_and_back": None,
        "cache": cache_difference(ours, tokens[:1]),
    }


if __name__ == "__main__":
    main()
