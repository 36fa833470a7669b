"""Inworld: hears and speaks over WebSockets."""
