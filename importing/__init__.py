"""Leads into Close, each exactly once, and out again."""
