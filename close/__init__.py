"""What there is to know about Close, beneath the client."""
