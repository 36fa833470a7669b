"""How every ONNX model is loaded here."""

from pathlib import Path

import onnxruntime

_ERRORS_ONLY = 3  # the models' unused initialisers are no news to an operator


def load_onnx(model: Path | bytes, *, same_shapes: bool = True) -> onnxruntime.InferenceSession:
    """One thread that never spins: parallel work comes from running sessions side by side.

    `model` is a file, or the bytes of one.

    With onnxruntime's own settings a small model costs twice the CPU time and is no faster. With
    `same_shapes` it remembers, and keeps, the memory that inputs of each shape need.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = same_shapes
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
