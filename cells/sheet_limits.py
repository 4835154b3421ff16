"""How much a worksheet of Excel or LibreOffice can hold."""

LONGEST_CELL = 32_767  # characters of a text
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
