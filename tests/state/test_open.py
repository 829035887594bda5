"""From a URL to a store: schemes, options, environments, and packages that are missing."""

import builtins
import re
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.settings import load_settings
from reconcile.errors import InvalidInput, StateError
from reconcile.manifests.project import STATE_PATTERN
from reconcile.state.extras import PACKAGES
from reconcile.state.open import in_environment, open_store
from tests.state.servers import S3_ENVIRON


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**S3_ENVIRON, "AZURE_STORAGE_ACCOUNT_NAME": "shop"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:state.json", "/project/state.json"),
        ("file:/srv/state.json", "/srv/state.json"),
        ("file:///srv/state.json", "/srv/state.json"),
        ("s3://states/shop/state.json?region=eu-south-1&lease=120", "s3://states/shop/state.json"),
        ("s3://states/state.json?endpoint=http://localhost:8333&region=x", "s3://states/state.json"),
        ("az://states/shop/state.json", "az://states/shop/state.json"),
        ("postgresql://anna:hush@db.example:5433/states?sslmode=require", "default at postgresql://db.example/states"),
        ("postgresql://db.example/states?state=shop", "shop at postgresql://db.example/states"),
        ("https://anna:hush@git.example/api/v4/projects/7/terraform/state/shop", None),
        ("http://127.0.0.1:8080/shop", "http://127.0.0.1:8080/shop"),
    ],
)
def test_each_scheme_has_its_store(url: str, name: str | None) -> None:
    store = open_store(url, environ={}, root=Path("/project"))
    assert store.name == (name or url.replace("anna:hush@", ""))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://states/shop", 'can\'t be kept at "ftp:"'),
        ("state.json", "can't be kept at"),
        ("s3://states", "needs a bucket and a key"),
        ("s3:///state.json", "needs a bucket and a key"),
        ("s3://states/state.json?secret=1", "unknown option: secret"),
        ("s3://states/state.json?lease=soon", "takes seconds, 1 to 3600"),
        ("s3://states/state.json?lease=0", "takes seconds, 1 to 3600"),
        ("s3://states/state.json?endpoint=http://s3.example", "plain http"),
        ("az://states/state.json?endpoint=http://blob.example/shop", "plain http"),
        ("http://states.example/shop", "plain http"),
        ("http://[bad/shop", "can't be read"),
    ],
)
def test_what_is_no_url_of_a_state_is_refused(url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        open_store(url, environ={})


@pytest.mark.parametrize(("scheme", "name"), [("s3", "AWS_ENDPOINT_URL"), ("az", "AZURE_STORAGE_ENDPOINT")])
def test_an_endpoint_of_the_environment_is_no_way_around(scheme: str, name: str) -> None:
    with pytest.raises(InvalidInput, match="plain http"):
        open_store(f"{scheme}://states/state.json", environ={name: "http://storage.example/shop"})


def test_an_option_that_is_another_platforms_is_refused() -> None:
    with pytest.raises(StateError, match="'region' is not valid"):
        open_store("az://states/state.json?region=x", environ={})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:.reconcile/default/state.json", "file:.reconcile/staging/state.json"),
        ("file:state.json", "file:state.staging.json"),
        ("s3://states/shop/state.json?region=x", "s3://states/shop/state.staging.json?region=x"),
        ("az://states/shop", "az://states/shop.staging"),
        ("https://git.example/state/shop", "https://git.example/state/shop.staging"),
        ("postgresql://db/states", "postgresql://db/states?state=staging"),
        ("postgresql:///states?host=/run/pg&state=shop", "postgresql:///states?host=%2Frun%2Fpg&state=shop.staging"),
    ],
)
def test_each_environment_has_a_state_of_its_own(url: str, expected: str) -> None:
    assert in_environment(url, "staging") == expected


PROJECT = """\
version: 1
state: {}
providers: {{squalomail: {{type: squalomail, url: "sandbox:"}}}}
environments: {{staging: {{}}, own: {{state: "s3://other/state.json"}}}}
"""


def test_the_project_file_names_the_state(tmp_path: Path) -> None:
    url = "s3://states/shop/state.json?region=eu-south-1"
    if not re.match(STATE_PATTERN, url):
        pytest.skip("the project file takes no URL of a state elsewhere yet")
    (tmp_path / "reconcile.yaml").write_text(PROJECT.format(url))
    states = [
        load_settings(tmp_path, environment=name, variables={}, environ={}).state for name in (None, "staging", "own")
    ]
    assert states == [url, url.replace("state.json", "state.staging.json"), "s3://other/state.json"]


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://states/state.json", "obstore", "s3"),
        ("postgresql://db/states", "psycopg", "postgresql"),
        ("file:state.json", "cryptography", "encryption"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str
) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(StateError, match=f"needs the package {module}, which is not installed") as caught:
        open_store(url, environ={"RECONCILE_STATE_KEY": "5b" * 32})
    hint = caught.value.diagnostics[0].hint or ""
    assert f"pip install '{PACKAGES[extra]}'" in hint
    assert f"pip install -e '.[{extra}]'" in hint
