"""The files that hold a tokenizer, those of other tools among them."""
