"""Text -> labels: vocabulary.py has the words, tokens.py finds them, grammar.py has the rules, faults.py explains what can't be read. No torch."""
