"""GGUF files: tensors and keys written, and read back, with llama.cpp's own package `gguf`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from textus.errors import ConvertError, MissingExtraError, RecipeError
from textus.plugins import did_you_mean

DType = Literal["f32", "f16", "q8_0"]
BLOCK_LENGTH = 32
"""Values that share a scale in q8_0."""
_FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7}
_LARGEST = 65504.0  # of half precision
_ALWAYS_F32 = ("ffn_gate_inp.weight", "position_embd.weight", ".bias")
"""What llama.cpp's own conversion leaves in single precision although it is a matrix: routers,
which decide, and what is added rather than multiplied."""


def gguf() -> Any:
    """The package; MissingExtraError where it is not installed."""
    try:
        import gguf
    except ModuleNotFoundError as error:
        raise MissingExtraError("gguf", "gguf", "writing a GGUF file") from error
    return gguf


def check_dtype(dtype: str) -> None:
    """RecipeError unless files of this type can be written."""
    if dtype not in get_args(DType):
        raise RecipeError(
            f"unknown --dtype {dtype!r}{did_you_mean(dtype, get_args(DType))}; "
            f"use one of {', '.join(get_args(DType))}"
        )


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a GGUF file holds."""

    architecture: str
    keys: Mapping[str, Any]
    """Without the architecture's name."""
    tokenizer: Mapping[str, Any]
    """Keys below `tokenizer.`"""
    tensors: Mapping[str, Tensor]
    """float32"""


def storage(name: str, tensor: Tensor, dtype: DType) -> DType:
    """The type that a tensor is stored as in a file of type `dtype`.

    Vectors and what decides stay float32; q8_0 needs rows of whole blocks, others become f16.
    """
    if tensor.dim() == 1 or name.endswith(_ALWAYS_F32):
        return "f32"
    return "f16" if dtype == "q8_0" and tensor.size(-1) % BLOCK_LENGTH else dtype


def encode(name: str, tensor: Tensor, dtype: DType) -> np.ndarray:
    """The numbers of a tensor as a file of type `dtype` holds them; bytes for q8_0.

    Raises ConvertError for a number that half precision has no room for.
    """
    values, kind = tensor.contiguous().numpy(), storage(name, tensor, dtype)
    if not np.isfinite(values).all():
        raise ConvertError(f"the weight {name} has values that are not finite; nothing is written")
    if kind == "f16" and (largest := float(np.abs(values).max(initial=0))) > _LARGEST:
        raise ConvertError(
            f"the weight {name} has a value of {largest:g}, beyond f16's {_LARGEST:g}; "
            "export with --dtype f32"
        )
    if kind == "q8_0":
        return gguf().quants.quantize(values, gguf().GGMLQuantizationType.Q8_0)
    return values.astype(np.float16) if kind == "f16" else values


def write(path: Path, content: Content, dtype: DType) -> None:
    """Writes a file; the same content makes the same bytes."""
    package = gguf()
    writer = package.GGUFWriter(path, content.architecture)
    writer.add_file_type(_FILE_TYPES[dtype])
    if dtype == "q8_0":
        writer.add_quantization_version(package.GGML_QUANT_VERSION)
    for key, value in content.keys.items():
        own = key.startswith("textus.")
        _add(writer, key if own else f"{content.architecture}.{key}", value)
    for key, value in content.tokenizer.items():
        _add(writer, f"tokenizer.{key}", value)
    for name, tensor in content.tensors.items():
        data = encode(name, tensor, dtype)
        q8_0 = package.GGMLQuantizationType.Q8_0 if data.dtype == np.uint8 else None
        writer.add_tensor(name, data, raw_dtype=q8_0)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def read(path: Path) -> Content:
    """What a file holds, its tensors as float32."""
    package = gguf()
    reader = package.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    architecture = fields["general.architecture"]
    keys = {
        name.removeprefix(f"{architecture}."): value
        for name, value in fields.items()
        if name.startswith((f"{architecture}.", "textus."))
    }
    tokenizer = {
        name.removeprefix("tokenizer."): value
        for name, value in fields.items()
        if name.startswith("tokenizer.")
    }
    tensors = {}
    for tensor in reader.tensors:
        values = package.quants.dequantize(tensor.data, tensor.tensor_type)
        tensors[tensor.name] = torch.from_numpy(np.array(values, dtype=np.float32))
    return Content(architecture=architecture, keys=keys, tokenizer=tokenizer, tensors=tensors)
