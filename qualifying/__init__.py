"""Who is asked about, who is asked, and where the verdict goes."""
