"""What keeps requests from arriving is told apart: a certificate, a proxy; and a refusal says what was refused."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from close.errors import OutcomeUnknown
from close_client import CloseClient
from sandbox import Sandbox
from sandbox.close import PREFIX
from sandbox.wire import Reply
from tests.conftest import Run, Serve
from tests.speaking import Speaking
from tests.watched import Watched

# A certificate of 127.0.0.1 with its key, for these tests alone; nobody has vouched for it.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcRAxoeIoSEFlOq/S
0jKXakEJSciPfP6bz2DE2vlkIq6hRANCAASPV5eTNiZdPBasPv8cfJnxuoWZ7o1n
l9c1QfRwxEBrP94o4IPgnuYArjgxRlpyQrcofsIdlu/lRck1dyrgyEGD
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUIaU9t3LLCk1AlmF/xXQhQUeT8AQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyOTEzNTYxN1oYDzIxMjYxMTA1
MTM1NjE3WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASPV5eTNiZdPBasPv8cfJnxuoWZ7o1nl9c1QfRwxEBrP94o4IPgnuYA
rjgxRlpyQrcofsIdlu/lRck1dyrgyEGDo2QwYjAdBgNVHQ4EFgQUxAk3QtnUBdgk
RiozKC6+/LiDwzswHwYDVR0jBBgwFoAUxAk3QtnUBdgkRiozKC6+/LiDwzswDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IEZh4J/haKX2oEFDZFHrp4ZTObCFssKZECqDhfs/hlTCAiEA/qAzr3aiQucrTPE9
vNcJQj3RyASGkxVL6pZMj9emfaI=
-----END CERTIFICATE-----
"""


@pytest.fixture
def speak() -> Iterator[Callable[..., Speaking]]:
    servers: list[Speaking] = []

    def start(answer: bytes, certificate: Path | None = None) -> Speaking:
        servers.append(Speaking(lambda connection: connection.sendall(answer), certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def certificate(folder: Path) -> Path:
    path = folder / "own.pem"
    path.write_text(CERTIFICATE)
    return path


ANSWER = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
)


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSE_API_KEY", "key-for-tests")


# Certificates --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keyed")
def test_a_certificate_that_is_not_trusted_is_told_at_once_and_trusted_where_it_is_named(
    run: Run, speak: Callable[..., Speaking], certificate: Path, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = speak(ANSWER, certificate)
    monkeypatch.setenv("CLOSE_API_URL", f"https://127.0.0.1:{server.port}/api/v1")
    ran = run("segment", "2000-01-01")
    assert (ran.code, naps) == (5, [])
    assert "Close can't be reached: the certificate of 127.0.0.1 is not trusted (self-signed certificate)" in ran.err
    assert "if your company inspects traffic, name its certificate in REQUESTS_CA_BUNDLE" in ran.err
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    ran = run("segment", "2000-01-01")
    assert (ran.code, "Close does not accept the API key" in ran.err) == (3, True)


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_told_before_anything_is_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere/company.pem")
    ran = run("segment", "2000-01-01")
    assert (ran.code, f"{variable} names certificates at /nowhere/company.pem, but nothing is there" in ran.err) == (
        3,
        True,
    )
    assert run("segment", "2000-01-01", "--sandbox").code in (0, 2)


def test_a_check_whose_certificate_is_not_trusted_clears_nobody_and_says_so(
    run: Run, serve: Serve, speak: Callable[..., Speaking], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve()
    monkeypatch.setenv("REGISTRY_URL", f"https://127.0.0.1:{speak(ANSWER, certificate).port}")
    (verdict,) = run("qualify", "123", "--json").json
    assert verdict["outcome"] == "undetermined"
    assert "the certificate of 127.0.0.1 is not trusted" in verdict["checks"]["registry"]["detail"]
    assert verdict["checks"]["registry"]["attempts"] == 1


# Proxies -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "does not accept the user name and the password in",
        ),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refuses connections to close.example (status 403)"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "can't reach close.example (status 502)"),
    ],
    ids=["407", "403", "502"],
)
def test_what_a_proxy_does_is_told(
    run: Run,
    speak: Callable[..., Speaking],
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    words: str,
) -> None:
    server = speak(answer)
    monkeypatch.setenv("CLOSE_API_URL", "https://close.example/api/v1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:secret@127.0.0.1:{server.port}")
    ran = run("segment", "2000-01-01")
    assert (ran.code, f"the proxy 127.0.0.1 {words}" in ran.err) == (5, True), ran.err
    assert "secret" not in ran.err
    assert server.heard[0].startswith(b"CONNECT close.example:443")
    assert (len(server.heard) > 1) is (b"502" in answer)


@pytest.mark.usefixtures("keyed")
def test_a_proxy_that_wants_a_password_is_told(
    run: Run, speak: Callable[..., Speaking], naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = speak(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    monkeypatch.setenv("CLOSE_API_URL", "https://close.example/api/v1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
    ran = run("segment", "2000-01-01")
    assert (ran.code, "wants a user name and a password; write them in HTTPS_PROXY, like http" in ran.err) == (5, True)


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(
    "proxy",
    [
        "secret@127.0.0.1",
        "localhost",
        "http://ann:secr€t@127.0.0.1:9",
        "socks5://secret@127.0.0.1:9",
        "http://a:se/cret@h:9",
    ],
)
def test_a_proxy_that_can_not_be_used_is_told_without_repeating_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("CLOSE_API_URL", "https://close.example/api/v1")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    ran = run("segment", "2000-01-01")
    assert (ran.code, "is not an address like http://NAME:PASSWORD@HOST:PORT" in ran.err) == (3, True)
    assert "secr" not in ran.err


@pytest.mark.parametrize("status", [b"502", b"403", b"407"])
def test_a_server_that_speaks_of_tunnels_is_no_proxy_and_gets_no_write_twice(
    speak: Callable[..., Speaking], naps: list[float], status: bytes
) -> None:
    server = speak(b"Tunnel connection failed: " + status + b" x\r\n\r\n")
    client = CloseClient("key-for-tests", f"http://127.0.0.1:{server.port}")
    with pytest.raises(OutcomeUnknown):
        client.create_lead({"name": "Acme"})
    client.close()
    assert len(server.heard) == 1


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize("content", ["", "no certificate", CERTIFICATE[:300]], ids=["empty", "text", "cut off"])
def test_a_file_without_certificates_is_told(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (folder / "company.pem").write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "company.pem"))
    ran = run("segment", "2000-01-01")
    assert (ran.code, "REQUESTS_CA_BUNDLE names certificates at" in ran.err) == (3, True)


@pytest.mark.usefixtures("keyed")
def test_a_proxy_that_is_not_there_is_told(run: Run, naps: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and never listens
        monkeypatch.setenv("CLOSE_API_URL", "https://close.example/api/v1")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        ran = run("segment", "2000-01-01")
    assert (ran.code, "the proxy 127.0.0.1, which HTTPS_PROXY names, can't be reached" in ran.err) == (5, True)


def test_this_machine_is_reached_without_a_proxy(run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert run("qualify", "123").code == 0


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacking", "on", "words"),
    [
        ((), f"POST {PREFIX}/lead/", "creating a lead was refused: No way"),
        ((), f"POST {PREFIX}/data/search/", "searching for leads was refused: No way"),
        (
            ("manage_organization", "manage_customizations"),
            f"POST {PREFIX}/custom_field/lead/",
            "lacks the permission manage_organization or manage_customizations",
        ),
    ],
    ids=["lead", "search", "field"],
)
def test_a_refusal_says_what_was_refused_and_which_permission_is_missing(
    run: Run,
    connect: Callable[[Sandbox], None],
    write: Callable[..., Path],
    lacking: tuple[str, ...],
    on: str,
    words: str,
) -> None:
    write("Acme,Ann,,,,,")
    permissions = [name for name in ("view_all_leads", "manage_organization") if name not in lacking]
    with Watched(permissions=permissions) as sandbox:
        connect(sandbox)
        refusal = Reply.of(403, {"error": "No way."})
        sandbox.watch = lambda request, answer: refusal if f"{request.method} {request.path}" == on else answer(request)
        ran = run("import", "leads.csv")
    assert (ran.code, words in ran.err) == (3, True), ran.err
    assert "Ask an administrator of Close for the permission" in ran.err
