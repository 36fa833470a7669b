"""Whisper on the CPU: 8-bit weights through ctranslate2, with our own features and prompts.

Whisper was trained on windows of 30 s, and encoding a full window is most of the cost of a short utterance.
A shorter one works as long as silence follows the speech; in the rare case that the decoder then runs in
circles, the full window is used after all.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from antiphon.audio.logmel import HOP, SAMPLE_RATE, STEP, log_mel
from antiphon.providers.base.stt import SaidWord

FULL_WINDOW = 30 * SAMPLE_RATE  # samples: the most that one call takes

_SHORTEST_WINDOW = 8 * SAMPLE_RATE  # samples; in a shorter one, or with less silence, the decoder often loops
_TRAILING_SILENCE = 3 * SAMPLE_RATE  # samples
_TOKENS_PER_SECOND = 6
_SPARE_TOKENS = 16
_MOST_TOKENS = 224  # of text; the prompt may be as long
_SURE_OF_LANGUAGE = 0.5  # probability
_DEFAULT_LANGUAGE = "en"
_ENCODED_MS = 20  # of one frame of the encoder, which makes one of two
_UNSPACED = frozenset(
    {"zh", "yue", "ja", "th", "lo", "my", "km"}
)  # languages that put no space between words

Samples = NDArray[np.float32]


class UnknownLanguage(Exception):
    """The model does not know this language."""


@dataclass(frozen=True, slots=True)
class Recognised:
    text: str  # empty when nothing was said
    language: str  # ISO 639-1
    words: tuple[SaidWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    tokens: Sequence[int]
    score: float  # mean log probability of the tokens
    no_speech: float  # probability


class Whisper:
    """One loaded model; any number of threads may call `recognise` at once."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads the model for `threads` calls at a time and runs it once, so that no first turn is slower.

        Each call computes on one thread: a second one was measured to cost CPU time and save no latency.
        """
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", inter_threads=threads, intra_threads=1
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.encode_special_tokens = True  # in a prompt, "<|en|>" is only text
        self.languages = self._languages(folder / "config.json")
        self.recognise(np.zeros(SAMPLE_RATE, np.float32))

    def recognise(
        self,
        samples: Samples,
        language: str | None = None,
        prompt: str | None = None,
        word_times: bool = False,
    ) -> Recognised:
        """What is said in `float32[n]` at 16 kHz, n up to FULL_WINDOW.

        `language` is an ISO 639-1 code, None to detect it. `prompt` is text that could have come before, for
        its spelling and style. `word_times` also finds out when each word is said. Raises UnknownLanguage.
        """
        seconds = len(samples) / SAMPLE_RATE
        most_tokens = min(_SPARE_TOKENS + int(seconds * _TOKENS_PER_SECOND), _MOST_TOKENS)
        window = window_for(len(samples))
        encoded = self._encode(samples, window)
        language = self._choose_language(encoded, language)
        decoded = self._decode(encoded, language, prompt, most_tokens)
        cut_off = len(decoded.tokens) >= most_tokens
        if (
            not is_imagined(decoded)
            and (cut_off or is_looping(decoded.text, seconds))
            and window < FULL_WINDOW
        ):
            encoded = self._encode(samples, FULL_WINDOW)
            decoded = self._decode(encoded, language, None, _MOST_TOKENS)
        if is_imagined(decoded):
            return Recognised("", language)
        words = self._align(encoded, language, decoded.tokens, len(samples)) if word_times else ()
        return Recognised(decoded.text, language, tuple(words))

    def _languages(self, config: Path) -> frozenset[str]:
        if not self._model.is_multilingual:
            return frozenset({"en"})
        ids: list[int] = json.loads(config.read_text())["lang_ids"]
        return frozenset(str(self._tokenizer.id_to_token(id)).strip("<|>") for id in ids)

    def _encode(self, samples: Samples, window: int) -> ctranslate2.StorageView:
        features = log_mel(np.pad(samples, (0, window - len(samples))))
        return self._model.encode(ctranslate2.StorageView.from_array(features[np.newaxis]))

    def _choose_language(self, encoded: ctranslate2.StorageView, language: str | None) -> str:
        if language is not None:
            if language not in self.languages:
                known = ", ".join(sorted(self.languages))
                raise UnknownLanguage(
                    f"There is no language {language!r} in this model, which knows {known}."
                )
            return language
        if len(self.languages) == 1:
            return _DEFAULT_LANGUAGE
        token, probability = self._model.detect_language(encoded)[0][0]
        return str(token).strip("<|>") if probability >= _SURE_OF_LANGUAGE else _DEFAULT_LANGUAGE

    def _decode(
        self, encoded: ctranslate2.StorageView, language: str, prompt: str | None, most_tokens: int
    ) -> Decoded:
        start = self._start_tokens(language, prompt)
        [result] = self._model.generate(
            encoded,
            [start],
            beam_size=1,
            # ctranslate2 allows half of this, or what remains of it after the prompt.
            max_length=max(2 * most_tokens, most_tokens + len(start)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        ids = result.sequences_ids[0]
        text = self._tokenizer.decode(ids, skip_special_tokens=True).strip()
        return Decoded(text, ids, result.scores[0], result.no_speech_prob)

    def _start_tokens(self, language: str, prompt: str | None) -> list[int]:
        tokens: list[int] = []
        if prompt:
            before = self._tokenizer.encode(f" {prompt.strip()}", add_special_tokens=False).ids
            tokens += [self._special("startofprev"), *before[-(_MOST_TOKENS - 1) :]]
        tokens.append(self._special("startoftranscript"))
        if len(self.languages) > 1:
            tokens += [self._special(language), self._special("transcribe")]
        return [*tokens, self._special("notimestamps")]

    def _align(
        self, encoded: ctranslate2.StorageView, language: str, tokens: Sequence[int], samples: int
    ) -> Iterator[SaidWord]:
        """Where the decoder looks while it writes a token tells when that is said, as Whisper's authors have it. A
        word ends where the next one begins: pauses belong to words."""
        tokens = [token for token in tokens if token < self._special("endoftext")]
        frames = samples // HOP
        if not tokens or frames < 2:
            return
        start = self._start_tokens(language, None)[:-1]
        [aligned] = self._model.align(encoded, start, [tokens], frames)
        begins: dict[int, int] = {}
        for index, frame in aligned.alignments:
            begins.setdefault(index, frame * _ENCODED_MS)
        last = samples * 1000 // SAMPLE_RATE
        at = [begins.get(index, last) for index in range(len(tokens) + 1)]
        words = list(self._words(tokens, language))
        for (first, text), (after, _) in zip(words, [*words[1:], (len(tokens), "")], strict=True):
            yield SaidWord(text, min(at[first], last), min(at[after], last))

    def _words(self, tokens: Sequence[int], language: str) -> Iterator[tuple[int, str]]:
        """Each with the number of its first token. A character may take several tokens."""
        first, word, read = 0, "", ""
        for index in range(len(tokens)):
            text = self._tokenizer.decode(tokens[: index + 1], skip_special_tokens=True)
            if text.endswith("\ufffd"):
                continue
            piece, read = text[len(read) :], text
            begins = piece[:1].isspace() or (language in _UNSPACED and piece[:1].isalnum())
            if begins and word.strip():
                yield first, word.strip()
                first, word = index, ""
            word += piece
        if word.strip():
            yield first, word.strip()

    def _special(self, name: str) -> int:
        token: int | None = self._tokenizer.token_to_id(f"<|{name}|>")
        assert token is not None, f"the tokenizer has no token {name}"  # its hash is pinned
        return token


def window_for(samples: int) -> int:
    """How many samples to encode for an utterance of `samples`: silence is added up to there."""
    wanted = max(_SHORTEST_WINDOW, samples + _TRAILING_SILENCE)
    return min(-(-wanted // STEP) * STEP, FULL_WINDOW)


def is_looping(text: str, seconds: float) -> bool:
    """Whether `text` says the same again and again, or is more than anyone says in that time."""
    encoded = text.encode()
    return len(encoded) > 2.2 * len(zlib.compress(encoded)) or len(text.split()) > 5 * seconds + 2


def is_imagined(decoded: Decoded) -> bool:
    """Whether the model heard words in noise: it doubts both that there was speech and what it wrote."""
    return decoded.no_speech > 0.6 and decoded.score < -1.0
