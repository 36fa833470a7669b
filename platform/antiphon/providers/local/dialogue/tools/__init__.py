"""Calls a session's tools without a trained model: finds it, fills its parameters, asks for the rest."""
