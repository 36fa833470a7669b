"""AssemblyAI's streaming recogniser."""
