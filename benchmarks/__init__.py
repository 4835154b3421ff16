"""How fast and how considerate the product is, measured beside what one would use without it: `make bench`."""
