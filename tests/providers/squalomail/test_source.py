"""Sources of audiences: what is read from files of all sorts, and what is told of the rest."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from reconcile.errors import InvalidInput
from reconcile.providers.audience.private import scratch_folder
from reconcile.providers.audience.source import load
from reconcile.providers.squalomail.source import FORM

COLUMNS = {"email": "E-mail", "name": "Nome"}


def read(path: Path, columns: Mapping[str, str] = COLUMNS) -> tuple[list[tuple[str, ...]], tuple[tuple[int, str], ...]]:
    """The rows that can be used, sorted, and the others."""
    with duckdb.connect() as connection, scratch_folder() as scratch:
        loaded = load(connection, path.parent, path.name, columns, scratch, FORM)
        rows = connection.execute("FROM wanted").fetchall()
        return sorted((key, email, *cells) for key, email, cells in rows), loaded.rejects


def write(folder: Path, content: bytes, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("delimiter", [b",", b";", b"\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_all_sorts_of_csv(tmp_path: Path, name: str, end: bytes, delimiter: bytes, start: bytes) -> None:
    lines = [b"Id", b"E-mail", b"Nome"], [b"1", b" Ada@Example.com ", b'"A; ""d"", a"'], [b"2", b"bea@example.com", b""]
    path = write(tmp_path, start + end.join(delimiter.join(line) for line in lines) + end, name)
    rows, rejects = read(path)
    assert rows == [("ada@example.com", "Ada@Example.com", 'A; "d", a'), ("bea@example.com", "bea@example.com", "")]
    assert rejects == ()


def test_no_rows_are_no_people(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"E-mail,Nome\n")) == ([], ())


def test_rows_are_told_by_the_line_that_they_begin_on(tmp_path: Path) -> None:
    rows = b'E-mail,Nome\na@x.org,A\n"e@x.org","two\nlines"\n\nb@x.org\nc@x.org,C,C\n'
    rows += b'A@X.org,again\n"d@x.org",\xe9\nnobody,\n,N\n'
    found, rejects = read(write(tmp_path, rows))
    assert found == [("a@x.org", "a@x.org", "A")]
    assert rejects == (
        (3, "has a line end within a value"),
        (6, "has 1 columns instead of 2"),
        (7, "has 3 columns instead of 2"),
        (8, "has the address of an earlier row"),
        (9, "is not utf-8"),
        (10, "has a malformed address"),
        (11, "has no address"),
    )


def test_what_the_platform_would_not_take_is_told(tmp_path: Path) -> None:
    columns = {"email": "e", "name": "n", "gender": "g"}
    long = "x" * 251
    rows = f"e,n,g\na@x.org,{long},\nb@x.org,B,Female\nc@x.org,C,unknown\n{'d' * 60}@{'x' * 150}.org,D,\n"
    found, rejects = read(write(tmp_path, rows.encode()), columns)
    assert [row[0] for row in found] == ["b@x.org"]
    assert rejects == (
        (2, "has a name of more than 250 characters"),
        (4, "has a gender that is not known"),
        (5, "has a malformed address"),
    )


@pytest.mark.parametrize(
    "address",
    ["a", "a@", "@b.org", "a@b", "a b@c.org", "a@b..org", "a@.org", "a@b.org.", "<a@b.org>", "a@b@c.org", "a,b@c.org"],
)
def test_malformed_addresses(tmp_path: Path, address: str) -> None:
    assert read(write(tmp_path, f'E-mail,Nome\n"{address}",N\n'.encode()))[1] == ((2, "has a malformed address"),)


@pytest.mark.parametrize("address", ["a+b@c.org", "o'neil@x-y.example.com", "ü@bücher.example", "a.b_c%d@e.fg"])
def test_unusual_addresses(tmp_path: Path, address: str) -> None:
    assert [row[1] for row in read(write(tmp_path, f"E-mail,Nome\n{address},N\n".encode()))[0]] == [address]


def test_a_file_without_names_of_columns_shows_nobody(tmp_path: Path) -> None:
    path = write(tmp_path, b"canary@example.com,Canary\nbea@example.com,Bea\n")
    with pytest.raises(InvalidInput) as caught:
        read(path)
    told = caught.value.diagnostics[0]
    assert "canary" not in f"{told.detail} {told.hint}".lower()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv", b""),
        ("people.csv", b"\n"),
        ("people.csv", b"\xff\xfeE\0-\0"),
        ("people.csv.gz", b"x"),
        ("people.parquet", b"PAR1"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput):
        read(path)


def test_a_compressed_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"E-mail,Nome\n" + b"".join(b"p%d@example.com,P\n" % number for number in range(5000)))
    path = tmp_path / "people.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match="cut short"):
        read(path)
