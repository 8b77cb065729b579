"""WordPiece: model.py how a word is cut, train.py how pieces are learnt."""
