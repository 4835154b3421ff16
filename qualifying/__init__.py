"""Which people are checked, which services check them, and where the verdict goes."""
