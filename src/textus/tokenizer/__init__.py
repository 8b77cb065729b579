"""Text to token ids and back: byte-level BPE, WordPiece and Unigram, trained and applied here.

config.py settings; definition.py what decides every id; tokenizer.py the `Tokenizer` itself;
train.py learns one from documents. split/ cuts text into words; bpe/, wordpiece/ and unigram/ cut
words into tokens; formats/ are the files that other tools read and write; stream.py text from ids
as they come.
"""
