"""Importing leads into Close, each exactly once, and undoing an import."""
