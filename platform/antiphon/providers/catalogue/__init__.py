"""Models that are worth naming: what they are, what they can do and how long they will be there."""
