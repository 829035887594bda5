"""Sources of audiences: what is read from files of all sorts, and what is told of the rest."""

import gzip
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import InvalidInput
from reconcile.providers.squalomail.source import load

COLUMNS = {"email": "E-mail", "name": "Nome"}


def read(path: Path, columns: dict[str, str] = COLUMNS) -> tuple[list[tuple[str, ...]], tuple[tuple[int, str], ...]]:
    """The rows that can be used, sorted, and the others."""
    with duckdb.connect() as connection:
        loaded = load(connection, path, columns, path.parent)
        return sorted(connection.execute("FROM wanted").fetchall()), loaded.rejects


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
    rows = b'E-mail,Nome\na@x.org,"two\nlines"\n\nb@x.org\nc@x.org,C,C\nA@X.org,again\n"d@x.org",\xe9\nnobody,\n,N\n'
    found, rejects = read(write(tmp_path, rows))
    assert found == [("a@x.org", "a@x.org", "two\nlines")]
    assert rejects == (
        (5, "has 1 columns instead of 2"),
        (6, "has 3 columns instead of 2"),
        (7, "has the address of an earlier row"),
        (8, "is not UTF-8"),
        (9, "has a malformed address"),
        (10, "has no address"),
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


def test_a_compressed_file_that_is_cut_short_has_a_broken_row(tmp_path: Path) -> None:
    whole = gzip.compress(b"E-mail,Nome\n" + b"".join(b"p%d@example.com,P\n" % number for number in range(5000)))
    path = tmp_path / "people.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert read(path)[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=6))
def test_both_ways_of_reading_agree(rows: list[tuple[str, str]]) -> None:
    """Whatever stands in a file, each row is either taken as Python's own reader has it, or told."""
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "people.csv"
        with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
            csv.writer(file).writerows([("E-mail", "Nome"), *rows, ("last@example.com", "Last")])
        found, rejects = read(path)
    assert ("last@example.com", "last@example.com", "Last") in found
    given_rows = sum(1 for row in rows if any(row) or len(row) > 1) + 1
    assert len(found) + len(rejects) == given_rows
