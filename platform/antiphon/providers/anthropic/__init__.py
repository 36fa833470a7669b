"""Anthropic's Messages API, for its prompt caches and its thinking."""
