"""ElevenLabs: Scribe hears, and voices speak in contexts over one socket."""
