"""Backstory: the service beside an inference API that remembers."""

__version__ = "0.1.0"
