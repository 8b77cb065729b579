from pathlib import Path

import pytest

from textus.convert.gguf_llama_cpp import LlamaCpp, is_installed
from textus.errors import ConvertError

pytestmark = pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")


def test_a_file_that_llama_cpp_refuses_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"GGUF" + bytes(256))
    with pytest.raises(ConvertError, match=r"llama\.cpp does not load .*file: "):
        LlamaCpp(tmp_path / "file", seq_len=16)
