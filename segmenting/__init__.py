"""What a segment is about, and how it is presented."""
