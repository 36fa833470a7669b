"""Speech to speech over OpenAI's Realtime API: OpenAI itself, Azure and xAI."""
