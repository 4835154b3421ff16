"""The whole program against the sandbox in one process, under a seeded clock, network, scheduler and disk."""
