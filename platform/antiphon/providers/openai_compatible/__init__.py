"""Models behind servers that speak OpenAI's HTTP API: hosted vendors, vLLM, Ollama, speaches, Kokoro and others."""
