"""llama.cpp itself, where the package xllamacpp is installed: it loads a file and answers.

It runs in a process of its own, as it ends its process where a file is not to its liking.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from textus.errors import ConvertError

_SERVE = """
import sys
import xllamacpp

wanted = xllamacpp.CommonParams()
wanted.model.path = sys.argv[1]
wanted.n_ctx = wanted.n_batch = wanted.n_ubatch = int(sys.argv[2])
wanted.n_parallel = 1
wanted.n_gpu_layers = 0
wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
wanted.warmup = wanted.fit_params = False
wanted.verbosity = 1  # errors
wanted.api_keys = [sys.argv[3]]
wanted.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
wanted.cache_type_k = wanted.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
server = xllamacpp.Server(wanted)
print("address", server.listening_address, flush=True)
sys.stdin.read()
"""
"""Loads a file on one thread, with keys and values kept in single precision, says at which port of
this machine it answers, and does so until its input ends."""


def is_installed() -> bool:
    """Whether llama.cpp can be asked."""
    return find_spec("xllamacpp") is not None


class LlamaCpp:
    """A file loaded by llama.cpp; a context that ends its process.

    Raises ConvertError, with llama.cpp's last words, for a file that it does not load.
    """

    def __init__(self, path: Path, *, seq_len: int):
        self._path, self._key = path, secrets.token_hex()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(path), str(seq_len), self._key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b"address "):
                self._address = line.split()[1].decode()
                return
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip().splitlines()
        self.close()
        raise ConvertError(f"llama.cpp does not load {path}: {' | '.join(said[:3])}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends llama.cpp."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def encode(self, text: str) -> list[int]:
        """The ids of a text without a token before it; names of special tokens in it are text."""
        return self._tokenize(text, add_special=False)

    def encode_document(self, text: str) -> list[int]:
        """The ids with what llama.cpp puts before a document."""
        return self._tokenize(text, add_special=True)

    def _tokenize(self, text: str, *, add_special: bool) -> list[int]:
        question = {"content": text, "add_special": add_special, "parse_special": False}
        return self._ask("/tokenize", **question)["tokens"]

    def continue_greedily(self, ids: Sequence[int], count: int) -> list[int]:
        """The likeliest next ids, one after another, up to `count`; fewer where the text ends."""
        return self._complete(ids, count, return_tokens=True)["tokens"]

    def log_probabilities(self, ids: Sequence[int], count: int, pick: int) -> dict[int, float]:
        """Of the `count` likeliest next ids.

        llama.cpp says them only of an id that it writes and whose text is whole: it is made to pick
        `pick`, which changes nothing of what it says.
        """
        answer = self._complete(ids, 1, n_probs=count, logit_bias=[[pick, 1e6]])
        (step,) = answer["completion_probabilities"]
        return {entry["id"]: entry["logprob"] for entry in step["top_logprobs"]}

    def _complete(self, ids: Sequence[int], count: int, **more: Any) -> Any:
        how = {"temperature": 0, "cache_prompt": False} | more
        return self._ask("/completion", prompt=list(ids), n_predict=count, **how)

    def _ask(self, path: str, **question: Any) -> Any:
        request = urllib.request.Request(
            self._address + path,
            json.dumps(question).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:
            raise ConvertError(f"llama.cpp does not answer for {self._path}: {error}") from error
