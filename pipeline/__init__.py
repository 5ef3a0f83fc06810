"""Candid: recorded clips become captioned, lightly branded videos."""

__version__ = "0.1.0"
