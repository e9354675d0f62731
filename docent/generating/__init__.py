"""generate(question, passages, history) → tokens: the answer, and what supports each sentence of it."""
