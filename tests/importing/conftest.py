"""Close as somebody else meets it, beside the command."""

from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from tests.raw_close import RawClose


@pytest.fixture
def user(connected: Sandbox) -> Iterator[RawClose]:
    """A user of Close beside us."""
    with RawClose(connected, "key-of-a-user") as session:
        yield session
