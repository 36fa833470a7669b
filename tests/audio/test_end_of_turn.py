import numpy as np
import pytest

from tests.local_models import smart_turn
from tests.recordings import sentence

PAUSE = np.zeros(3200, np.float32)  # 200 ms


@pytest.mark.parametrize(("number", "cut"), [("0870", 0.6), ("0920", 0.55)])
def test_it_works_a_sentence_is_complete_at_its_end_and_not_in_its_middle(number, cut):
    speech = sentence(number).samples
    complete = smart_turn().score(np.concatenate([speech, PAUSE]))
    broken_off = smart_turn().score(np.concatenate([speech[: int(len(speech) * cut)], PAUSE]))
    assert complete > 0.8
    assert broken_off < 0.4


def test_only_the_last_eight_seconds_count():
    speech = np.concatenate([sentence("0870").samples, sentence("0920").samples])
    assert smart_turn().score(speech) == smart_turn().score(speech[-8 * 16_000 :])


def test_no_audio_at_all_still_has_a_score():
    assert 0 <= smart_turn().score(np.zeros(0, np.float32)) <= 1
