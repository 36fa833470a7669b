"""Soniox: hears and speaks over WebSockets."""
