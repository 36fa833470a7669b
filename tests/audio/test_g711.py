import hashlib

import numpy as np
import pytest

from antiphon.audio.g711 import A_LAW, MU_LAW

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


# SHA-256 of what CPython's audioop makes of every code (as little-endian samples) and of every sample.
@pytest.mark.parametrize(
    ("law", "decoded", "encoded"),
    [
        (
            MU_LAW,
            "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
            "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
        ),
        (
            A_LAW,
            "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
            "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
        ),
    ],
    ids=["mu-law", "A-law"],
)
def test_it_works_exactly_like_audioop(law, decoded, encoded):
    assert hashlib.sha256(law.decode(EVERY_CODE).astype("<i2").tobytes()).hexdigest() == decoded
    assert hashlib.sha256(law.encode(EVERY_SAMPLE)).hexdigest() == encoded


def test_silence_is_the_code_that_telephones_send():
    assert MU_LAW.encode(np.zeros(2, np.int16)) == b"\xff\xff"
    assert A_LAW.encode(np.zeros(2, np.int16)) == b"\xd5\xd5"


@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu-law", "A-law"])
def test_a_decoded_code_encodes_to_a_code_of_the_same_value(law):
    samples = law.decode(EVERY_CODE)
    assert law.decode(law.encode(samples)).tolist() == samples.tolist()


def test_nothing_becomes_nothing():
    assert MU_LAW.encode(MU_LAW.decode(b"")) == b""
