"""Research tables as the chat's page shows them: rows with cited cells, their source panel, and files."""
