"""The panel beside the conversation that shows a citation in its document."""
