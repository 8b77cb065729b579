"""Words to ids at full speed: a table of known words, and a model's kernel for all others."""
