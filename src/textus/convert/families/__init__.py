"""One file for each line of models; catalogue.py beside this folder lists them."""
