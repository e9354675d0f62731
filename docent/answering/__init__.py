"""From a request to its answer: `answer_pipeline` condenses, searches, budgets, prompts and cites."""
