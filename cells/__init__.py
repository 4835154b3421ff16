"""Cells: reading them, understanding what they say, and writing them safely."""
