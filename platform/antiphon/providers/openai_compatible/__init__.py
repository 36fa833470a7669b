"""Models behind servers that speak OpenAI's HTTP API: hosted vendors, vLLM, Ollama, Kokoro and others."""
