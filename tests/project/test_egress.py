"""An address that no call would reach is told before anything runs, and never after every delivery has failed."""

from collections.abc import Callable

import pytest

from crossdock.project import Checked

from .conftest import WELL

Check = Callable[..., Checked]


def out(url: str, more: str = "") -> dict[str, str]:
    return {"connections/out.yaml": WELL["connections/out.yaml"].replace("https://api.example.com", url) + more}


def warnings(checked: Checked) -> list[str]:
    assert not checked.errors
    return [str(problem) for problem in checked.problems]


@pytest.mark.parametrize(
    ("url", "why", "place"),
    [
        ("http://api.example.com", "api.example.com would be called without https", "api.example.com:80"),
        ("http://localhost:9000/v1", "localhost is not a public address", "localhost:9000"),
        ("https://localhost", "localhost is not a public address", "localhost:443"),
        ("https://10.1.2.3/api", "10.1.2.3 is not a public address", "10.1.2.3:443"),
        ("https://[::1]:8443", "::1 is not a public address", "[::1]:8443"),
        ("https://169.254.169.254", "169.254.169.254 is not a public address", "169.254.169.254:443"),
        ("https://erp.internal:8080", "erp.internal would be called at port 8080 instead of 443", "erp.internal:8080"),
    ],
)
def test_an_address_that_would_be_refused_is_told_with_what_to_add(
    check: Check, url: str, why: str, place: str
) -> None:
    (said,) = warnings(check(out(url)))
    assert said.startswith(f"connections/out.yaml:3:13: warning: {why}")
    assert f'egress: {{allow: ["{place}"]}}' in said
    assert warnings(check(out(url, f"egress: {{allow: ['{place}']}}\n"))) == []


@pytest.mark.parametrize("allow", ["10.1.0.0/16", "10.1.2.3/32", "10.1.2.3:443"])
def test_what_is_allowed_anywhere_is_not_told(check: Check, allow: str) -> None:
    hub = f"name: trial\nenvironments: {{production: {{egress: {{allow: ['{allow}']}}}}}}\n"
    assert warnings(check({**out("https://10.1.2.3"), "crossdock.yaml": hub})) == []
    (said,) = warnings(check({**out("https://10.1.2.3"), "crossdock.yaml": hub}, "staging"))
    assert "10.1.2.3 is not a public address" in said


def test_a_name_may_point_into_an_allowed_network(check: Check) -> None:
    assert warnings(check(out("http://erp.internal:8080", "egress: {allow: [10.20.0.0/16]}\n"))) == []


@pytest.mark.parametrize("host", ["db.example.com", "localhost"])
def test_a_database_that_is_not_named_is_told(check: Check, host: str) -> None:
    table = f"connector: sql\nsettings:\n  database: postgresql://hub@{host}/shop\n"
    table += "  actions: {save: {do: insert, table: deals, columns: {name: name}}}\n"
    told = [str(problem) for problem in check({"connections/table.yaml": table}).problems]
    assert any(one.startswith("connections/table.yaml:3:13: warning:") and f"{host}:5432" in one for one in told), told
    named = check({"connections/table.yaml": f"{table}egress: {{allow: ['{host}:5432']}}\n"})
    assert not any("refused" in problem.what for problem in named.problems)


def test_an_environment_s_own_address_is_told_where_it_is_written(check: Check) -> None:
    hub = "name: x\nenvironments:\n  sandbox:\n    connections: {out: {settings: {base_url: 'http://localhost:9'}}}\n"
    assert warnings(check({"crossdock.yaml": hub})) == []
    (said,) = warnings(check({"crossdock.yaml": hub}, "sandbox"))
    assert said.startswith("crossdock.yaml:4:46: warning: localhost is not a public address")
