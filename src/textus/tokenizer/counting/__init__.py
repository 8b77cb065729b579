"""Documents to words and how often each occurs, in bounded memory."""
