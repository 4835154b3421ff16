"""Undo an import: take back what it did, where nobody has changed or worked on it since."""
