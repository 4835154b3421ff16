"""Reading workbooks: the text of a sheet, for any program that wrote it. Others use `cells.workbooks.sheet` only."""
