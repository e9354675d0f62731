"""The page for administrators: people, feedback, evaluations, use and health."""
