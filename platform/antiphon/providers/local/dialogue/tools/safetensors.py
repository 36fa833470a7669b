"""Reads the safetensors format (https://huggingface.co/docs/safetensors): a JSON header, then raw data."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LARGEST_HEADER = 100_000_000  # bytes; the limit of the reference implementation


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """All float32 tensors of a file, mapped rather than loaded: a page is read when it is first used.

    Raises ValueError if the file is not in the format, OSError if it can't be read.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
        if not 2 <= length <= min(_LARGEST_HEADER, size - 8):
            raise ValueError(f"{path} is not a safetensors file: its header can't be {length} bytes long.")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise ValueError(f"{path} is not a safetensors file: its header is not JSON.") from error
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        if end > data.size:
            raise ValueError(f"{path} ends before its tensor {name}: the file is incomplete.")
        tensors[name] = np.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])
    return tensors
