"""Deterministic models for tests and benchmarks: they follow a script, on the event loop's clock."""

from antiphon.providers.scripted.llm import ScriptedLlm, call_tools, say
from antiphon.providers.scripted.record import Call
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts, Speech

__all__ = ["Call", "Heard", "ScriptedLlm", "ScriptedStt", "ScriptedTts", "Speech", "call_tools", "say"]
