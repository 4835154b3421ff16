"""What a person sees of an import before it happens, or of one that has happened."""
