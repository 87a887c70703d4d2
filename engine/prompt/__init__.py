"""Text -> labels: vocabulary.py has the words, tokens.py finds them, parser.py is the grammar, faults.py explains what can't be read. No torch."""
