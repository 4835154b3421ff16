"""What stands in a cell: read, understood, written safely."""
