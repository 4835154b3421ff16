"""A page about an import, for the person who has to approve it."""
