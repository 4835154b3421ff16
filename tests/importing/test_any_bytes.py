"""Whatever bytes a file has, an import ends with an exit code that the manual has, and says why."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from sandbox import Sandbox

HEADER = b"Company,Contact Name,Contact Emails,Contact Phones,custom.Company Founded,custom.Company Revenue\n"
pieces = st.sampled_from(
    [
        *(
            HEADER,
            b"Acme,Ann,a@x.com,415 555 0100,17.05.1987,$5\n",
            b"\n",
            b"\r",
            b",",
            b'"',
            b'""',
            b"\0",
            b"\xff\xfe",
        ),
        *(
            b"\xef\xbb\xbf",
            b"\xe9",
            b"=1+1",
            b"'",
            b"&#0;",
            b"&#x110000;",
            b"&#55296;",
            "\u202e\u2028".encode(),
            b"1e999,",
        ),
        *(
            b"-",
            b"N/A,",
            b"9" * 400,
            b"1" + b",000" * 90,
            b"0001-01-01,",
            b"9999-12-31T23:59:60Z,",
            b"[" * 500,
            b"<" * 300,
        ),
        *("１２,٣".encode(), b"(((" * 99, b";" * 99, b"2024-01-01T00:00:00+99:99,", b"1/1/1,", b"$" * 50, b"a@" * 60),
    ]
)


@pytest.fixture(scope="module")
def close_url() -> object:
    with Sandbox() as sandbox:
        yield sandbox.close_url


@settings(max_examples=60)
@given(content=st.binary(max_size=200) | st.lists(pieces, max_size=20).map(lambda some: HEADER + b"".join(some)))
def test_the_bytes_of_any_file_end_in_an_exit_code_of_the_manual(
    tmp_path_factory: pytest.TempPathFactory, close_url: str, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any bytes"
    folder.mkdir(exist_ok=True)
    (folder / "any.csv").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CLOSE_API_URL", close_url)
        patch.setenv("CLOSE_API_KEY", "key-for-tests")
        flags = ["--decimal", "dot", "--date-order", "dmy", "--timezone", "UTC"] if len(content) % 2 else []
        assert main.main(["import", "any.csv", "--dry-run", "-q", *flags]) in (0, 2, 4)
