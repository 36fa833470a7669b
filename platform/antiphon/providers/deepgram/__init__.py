"""Deepgram: Nova and Flux hear, Aura and Flux speak."""
