import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from textus.convert.tensors import Batch, TensorFiles, differing, split_by_size, write_tensors
from textus.errors import ConvertError, DamagedError

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def batch_of(**tensors: Tensor) -> Batch:
    outlines = {name: t.to("meta") for name, t in tensors.items()}
    return Batch(outlines=outlines, make=lambda: list(tensors.values()))


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 5), max_size=3), st.sampled_from(DTYPES)), max_size=5
    )
)
def test_what_is_written_tensor_by_tensor_is_what_safetensors_reads(
    tmp_path_factory: pytest.TempPathFactory, described: list[tuple[list[int], torch.dtype]]
):
    tensors = {f"t{i}": torch.randn(shape).to(dtype) for i, (shape, dtype) in enumerate(described)}
    file = tmp_path_factory.mktemp("written") / "model.safetensors"
    write_tensors([batch_of(**{name: t}) for name, t in tensors.items()], file)
    found = load_file(file)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


def test_a_view_is_written_as_what_it_shows(tmp_path: Path):
    matrix = torch.arange(6.0).view(2, 3)
    write_tensors([batch_of(turned=matrix.T, half=matrix[:, 1])], tmp_path / "m.safetensors")
    found = load_file(tmp_path / "m.safetensors")
    assert found["turned"].equal(matrix.T)
    assert found["half"].equal(matrix[:, 1])


def test_one_batch_at_a_time_is_in_memory(tmp_path: Path):
    made: list[weakref.ref[Tensor]] = []

    def make() -> list[Tensor]:
        assert [ref for ref in made if ref() is not None] == []
        tensor = torch.ones(4)
        made.append(weakref.ref(tensor))
        return [tensor]

    batches = [Batch(outlines={f"t{i}": torch.ones(4).to("meta")}, make=make) for i in range(3)]
    write_tensors(batches, tmp_path / "m.safetensors")
    assert len(made) == 3


def test_groups_are_as_large_as_allowed_and_keep_their_order():
    batches = [batch_of(**{f"t{n}": torch.ones(n)}) for n in (2, 1, 3, 9, 1)]  # of 4 bytes each
    sizes = [[b.bytes // 4 for b in group] for group in split_by_size(batches, 12)]
    assert sizes == [[2, 1], [3], [9], [1]]


def test_files_that_differ_in_a_bit_a_type_or_a_name_are_told_apart(tmp_path: Path):
    one = {name: torch.zeros(3) for name in ("same", "sign", "type", "here")}
    other = {"same": torch.zeros(3), "sign": -torch.zeros(3), "type": torch.zeros(3).half()}
    save_file(one, tmp_path / "a.safetensors")
    save_file(other | {"there": torch.zeros(3)}, tmp_path / "b.safetensors")
    with (
        TensorFiles([tmp_path / "a.safetensors"]) as a,
        TensorFiles([tmp_path / "b.safetensors"]) as b,
    ):
        assert list(differing(a, b)) == ["here", "there", "sign", "type"]
        assert list(differing(a, a)) == []


def test_types_that_are_no_plain_weights_are_refused(tmp_path: Path):
    save_file({"x": torch.ones(2, dtype=torch.int8)}, tmp_path / "m.safetensors")
    with (
        TensorFiles([tmp_path / "m.safetensors"]) as files,
        pytest.raises(ConvertError, match="tensor x is of type I8; known are F32, F16, BF16"),
    ):
        files.outline("x")


def test_a_broken_file_is_named(tmp_path: Path):
    (tmp_path / "m.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(DamagedError, match=r"m\.safetensors cannot be read"):
        TensorFiles([tmp_path / "m.safetensors"])
