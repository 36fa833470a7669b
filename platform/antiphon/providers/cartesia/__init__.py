"""Cartesia: Ink hears, Sonic speaks in contexts over one socket."""
