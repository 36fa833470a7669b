"""Google's Gemini: text over streamGenerateContent, speech to speech over Gemini Live."""
