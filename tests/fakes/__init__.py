"""Fakes of what tests cannot run: language models, and other people's servers."""
