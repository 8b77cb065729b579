"""Text from a model, token by token.

config.py    how to sample and when to stop
sampling.py  logits -> the next token: temperature, top-k, top-p, min-p
cache.py     keys and values that were computed once
output.py    ids -> text as it comes, cut at stop strings
generate.py  the loop: many prompts at once, streamed
"""
