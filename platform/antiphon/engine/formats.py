"""The formats of the protocol as those of the audio code."""

from antiphon.audio.formats import Format
from antiphon.protocol.session import AudioFormat, Pcm, Pcmu


def format_of(wire: AudioFormat) -> Format:
    if isinstance(wire, Pcm):
        return Format(rate=wire.rate)
    return Format("pcmu" if isinstance(wire, Pcmu) else "pcma", 8_000)
