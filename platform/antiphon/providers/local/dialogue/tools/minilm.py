"""Sentence embeddings with all-MiniLM-L6-v2, in numpy.

The network is BERT (Devlin et al., 2018, https://arxiv.org/abs/1810.04805) with six layers of width 384; a
sentence's embedding is the mean over its tokens, scaled to length one (Reimers and Gurevych, 2019,
https://arxiv.org/abs/1908.10084).
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from antiphon.providers.local.dialogue.tools import safetensors

Floats = NDArray[np.float32]

_LAYERS = 6
_HEADS = 12
_EPSILON = np.float32(1e-12)
_MOST_TOKENS = 128


class MiniLm:
    """An encoder; safe to share between threads.

    An embedding is a chain of small matrix products. More BLAS threads make them slower, on a busy machine by
    far: start the process with `OPENBLAS_NUM_THREADS=1`.

    weights: a folder with `model.safetensors` and `tokenizer.json` of sentence-transformers/all-MiniLM-L6-v2.
    Raises OSError if they are not there, and ValueError if they are something else.
    """

    def __init__(self, weights: Path) -> None:
        for name in ("model.safetensors", "tokenizer.json"):
            if not (weights / name).is_file():
                raise FileNotFoundError(f"{weights} has no {name}: give the folder of all-MiniLM-L6-v2.")
        tensors = safetensors.read(weights / "model.safetensors")
        try:
            self._embeddings = _Embeddings(tensors)
            self._layers = [_Layer(tensors, f"encoder.layer.{index}") for index in range(_LAYERS)]
        except KeyError as error:
            raise ValueError(f"{weights} does not hold all-MiniLM-L6-v2: {error} is missing.") from error
        self._tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)

    def embed(self, sentence: str) -> Floats:
        """`float32[384]` of length one. Takes some milliseconds; only the first 128 tokens count."""
        hidden = self._embeddings(self._tokenizer.encode(sentence).ids)
        for layer in self._layers:
            hidden = layer(hidden)
        mean: Floats = hidden.mean(axis=0)
        mean /= np.float32(math.sqrt(float(mean @ mean)))
        return mean


class _Norm:
    """Layer normalisation (Ba et al., 2016, https://arxiv.org/abs/1607.06450)."""

    def __init__(self, tensors: Mapping[str, Floats], name: str) -> None:
        self._weight, self._bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    def __call__(self, x: Floats) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        normal: Floats = centred / np.sqrt(variance + _EPSILON)
        return normal * self._weight + self._bias


class _Dense:
    def __init__(self, tensors: Mapping[str, Floats], name: str) -> None:
        self._weight, self._bias = tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]

    def __call__(self, x: Floats) -> Floats:
        return x @ self._weight + self._bias


class _Embeddings:
    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        self._words = tensors["embeddings.word_embeddings.weight"]
        # There is only one sentence, so the embedding of its type is the same everywhere.
        self._positions = (
            tensors["embeddings.position_embeddings.weight"][:_MOST_TOKENS]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _Norm(tensors, "embeddings.LayerNorm")

    def __call__(self, ids: list[int]) -> Floats:
        return self._norm(self._words[ids] + self._positions[: len(ids)])


class _Layer:
    """Self-attention, then a feed-forward network; each adds to its input and is normalised after."""

    def __init__(self, tensors: Mapping[str, Floats], name: str) -> None:
        self._query = _Dense(tensors, f"{name}.attention.self.query")
        self._key = _Dense(tensors, f"{name}.attention.self.key")
        self._value = _Dense(tensors, f"{name}.attention.self.value")
        self._attended = _Dense(tensors, f"{name}.attention.output.dense")
        self._attention_norm = _Norm(tensors, f"{name}.attention.output.LayerNorm")
        self._wide = _Dense(tensors, f"{name}.intermediate.dense")
        self._narrow = _Dense(tensors, f"{name}.output.dense")
        self._output_norm = _Norm(tensors, f"{name}.output.LayerNorm")

    def __call__(self, x: Floats) -> Floats:
        query, key, value = (_by_head(dense(x)) for dense in (self._query, self._key, self._value))
        scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(query.shape[-1]))
        mixed = (_softmax(scores) @ value).transpose(1, 0, 2).reshape(x.shape)
        x = self._attention_norm(x + self._attended(mixed))
        return self._output_norm(x + self._narrow(_gelu(self._wide(x))))


def _by_head(x: Floats) -> Floats:
    """`float32[tokens, width]` to `float32[heads, tokens, width / heads]`."""
    return x.reshape(len(x), _HEADS, -1).transpose(1, 0, 2)


def _softmax(x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    scaled: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def _gelu(x: Floats) -> Floats:
    """x times the normal distribution function at x (Hendrycks and Gimpel, 2016), whose error function is
    approximated to 1.5e-7 by Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26."""
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (
        np.float32(0.254829592)
        + t
        * (
            np.float32(-0.284496736)
            + t * (np.float32(1.421413741) + t * (np.float32(-1.453152027) + t * np.float32(1.061405429)))
        )
    )
    tail = poly * np.exp(-z * z)  # 1 - erf(z)
    scaled: Floats = x * np.where(x >= 0, 1 - tail / 2, tail / 2)
    return scaled
