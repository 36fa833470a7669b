"""xAI's recogniser and voices."""
