"""What acts on payloads: cache, compression, tokens, conversation memory, rate limits. Never exported from the root."""
