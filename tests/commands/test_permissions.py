"""A key that may not do, or not see, what a command rests on: the command refuses before it writes anything."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.watched import Watched

Write = Callable[..., Path]
Account = Callable[..., AbstractContextManager[Watched]]
ALL = ("view_all_leads", "delete_leads", "manage_organization", "manage_customizations", "export")


@pytest.fixture
def account(connect: Callable[[Sandbox], None], folder: Path) -> Account:
    """Open the same account with a key that has all permissions but these, or with one whose permissions are hidden."""

    @contextmanager
    def opened(*lacking: str, are_hidden: bool = False) -> Iterator[Watched]:
        permissions = None if are_hidden else [name for name in ALL if name not in lacking]
        with Watched(state=folder / "close.json", permissions=permissions) as sandbox:
            connect(sandbox)
            yield sandbox

    return opened


def writes_to(sandbox: Sandbox) -> int:
    by_endpoint: dict[str, int] = sandbox.report()["requests_by_endpoint"]
    reads = ("GET ", "POST /data/search/")
    return sum(count for name, count in by_endpoint.items() if not name.startswith(reads))


@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--existing", "create")])
def test_an_import_refuses_with_a_key_that_does_not_see_every_lead(
    run: Run, write: Write, account: Account, flags: tuple[str, ...]
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    with account("view_all_leads") as sandbox:
        ran = run("import", "leads.csv", *flags)
        assert (ran.code, writes_to(sandbox)) == (3, 0)
    assert "lacks the permission view_all_leads" in ran.err
    assert "administrator" in ran.err


def test_an_undo_refuses_with_a_key_that_may_not_delete_and_goes_on_with_one_that_may(
    run: Run, write: Write, account: Account
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    with account("delete_leads"):
        assert run("import", "leads.csv").code == 0
    with account("delete_leads") as sandbox:
        ran = run("undo", "last")
        assert (ran.code, writes_to(sandbox), "permission delete_leads" in ran.err) == (3, 0, True)
        assert sandbox.report()["leads"] == 1
    with account() as sandbox:
        assert run("undo", "last").code == 0
        assert sandbox.report()["leads"] == 0


def test_an_undo_refuses_with_a_key_to_which_leads_would_look_deleted(run: Run, write: Write, account: Account) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    with account():
        assert run("import", "leads.csv").code == 0
    with account("view_all_leads") as sandbox:
        ran = run("undo", "last")
        assert (ran.code, writes_to(sandbox), "permission view_all_leads" in ran.err) == (3, 0, True)


def test_an_undo_that_has_nothing_to_delete_needs_no_right_to(run: Run, write: Write, account: Account) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    with account("delete_leads") as sandbox, RawClose(sandbox) as close:
        close.made("/lead/", name="Acme")
        assert run("import", "leads.csv").code == 0
        assert run("undo", "last", "--json").json["restored"] == 1
        assert close.get("/lead/").json()["data"][0]["contacts"] == []


@pytest.mark.parametrize("right", ["manage_organization", "manage_customizations"])
def test_an_import_that_has_to_create_fields_refuses_without_the_right_to(
    run: Run, write: Write, account: Account, right: str
) -> None:
    write("Acme,Retail", header="Company,custom.Industry")
    with account("manage_organization", "manage_customizations") as sandbox:
        ran = run("import", "leads.csv")
        assert (ran.code, writes_to(sandbox), "Industry" in ran.err) == (3, 0, True)
    (other,) = {"manage_organization", "manage_customizations"} - {right}
    with account(other):
        assert run("import", "leads.csv").code == 0
    with account("manage_organization", "manage_customizations"):
        assert run("import", "leads.csv").code == 0  # nothing has to be created any more


@pytest.mark.parametrize("asked", [("--from-close",), ("123", "--write-back")])
def test_a_write_back_refuses_with_a_key_that_does_not_see_every_lead(
    run: Run, account: Account, asked: tuple[str, ...]
) -> None:
    with account("view_all_leads") as sandbox, RawClose(sandbox) as close:
        Waiting(close).lead("123")
        before = writes_to(sandbox)
        ran = run("qualify", *asked, "--create")
        assert (ran.code, writes_to(sandbox)) == (3, before)
    assert "lacks the permission view_all_leads" in ran.err


def test_a_write_back_that_has_to_create_its_field_creates_not_even_a_status_without_the_right(
    run: Run, account: Account
) -> None:
    with account("manage_organization", "manage_customizations") as sandbox:
        ran = run("qualify", "--from-close", "--create")
        assert (ran.code, writes_to(sandbox), "National ID" in ran.err) == (3, 0, True)
    with account("manage_organization"):
        assert run("qualify", "--from-close", "--create").code == 0


def test_permissions_that_close_does_not_tell_refuse_nothing(run: Run, write: Write, account: Account) -> None:
    write("Acme,Retail", header="Company,custom.Industry")
    with account(are_hidden=True) as sandbox:
        assert run("import", "leads.csv").code == 0
        assert run("qualify", "--from-close", "--create").code == 0
        assert run("undo", "last").code == 0
        assert sandbox.report()["leads"] == 0
