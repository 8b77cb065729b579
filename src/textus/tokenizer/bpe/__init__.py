"""Byte-pair encoding: model.py how a word is cut, train.py how merges are learnt."""
