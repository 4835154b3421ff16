"""Maps of columns: what a person says about the columns of a file, read, drafted and carried out."""
