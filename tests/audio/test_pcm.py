import numpy as np
import pytest
import soundfile

from antiphon.audio.pcm import (
    SAMPLE_RATE,
    AudioFileError,
    duration_ms,
    from_float,
    read_audio,
    size_of,
    to_float,
    to_int16,
    write_wav,
)


def tone(rate, hz=440.0, seconds=0.5):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def loudest_hz(pcm):
    spectrum = np.abs(np.fft.rfft(to_float(pcm)))
    return np.fft.rfftfreq(len(pcm) // 2, 1 / SAMPLE_RATE)[spectrum.argmax()]


def test_it_works_both_ways_for_every_sample_value():
    every = np.arange(-32768, 32768).astype("<i2").tobytes()
    floats = to_float(every)
    assert floats.dtype == np.float32
    assert floats.min() == -1.0
    assert floats.max() < 1.0
    assert from_float(floats) == every


def test_what_is_too_loud_is_clipped_not_wrapped():
    assert to_int16(from_float(np.array([1.5, -1.5], np.float32))).tolist() == [32767, -32768]


def test_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="3 bytes end within one"):
        to_int16(b"abc")


def test_twenty_milliseconds_are_960_bytes():
    assert size_of(20) == 960
    assert duration_ms(960) == 20


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_wav_file_of_any_width_and_rate_is_read(tmp_path, subtype, rate):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(rate), rate, subtype=subtype)
    pcm = read_audio(path)
    assert duration_ms(len(pcm)) == 500
    assert loudest_hz(pcm) == pytest.approx(440, abs=3)
    assert np.abs(to_float(pcm)).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_mixed(tmp_path, channels):
    path = tmp_path / "channels.wav"
    soundfile.write(path, np.stack([tone(24_000)] + [tone(24_000) * 0] * (channels - 1), axis=1), 24_000)
    assert np.abs(to_float(read_audio(path))).max() == pytest.approx(0.5 / channels, abs=0.01)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "reply.wav"
    pcm = from_float(tone(SAMPLE_RATE))
    write_wav(path, pcm)
    assert soundfile.info(path).samplerate == SAMPLE_RATE
    assert read_audio(path) == pcm


def test_values_that_are_not_numbers_become_silence(tmp_path):
    path = tmp_path / "broken.wav"
    soundfile.write(path, np.full(2400, np.nan), 24_000, subtype="FLOAT")
    assert not to_int16(read_audio(path)).any()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match=r"There is no file .*absent\.wav"):
        read_audio(tmp_path / "absent.wav")


def test_a_file_that_is_not_audio_is_refused(tmp_path):
    path = tmp_path / "letter.wav"
    path.write_text("Dear Alice, this is no recording.")
    with pytest.raises(AudioFileError, match=r"letter\.wav is not an audio file"):
        read_audio(path)


def test_a_file_without_audio_is_refused(tmp_path):
    path = tmp_path / "nothing.wav"
    write_wav(path, b"")
    with pytest.raises(AudioFileError, match="holds no audio"):
        read_audio(path)
