"""Text to words: the patterns that tokens never cross."""
