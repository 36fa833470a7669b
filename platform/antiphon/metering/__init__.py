"""What was used and what it costs, in micro-dollars."""
