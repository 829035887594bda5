"""Any file at all: read as a slow model of the rules reads it, or stopped, with the line."""

import datetime
import decimal
import gzip
import os
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import InvalidInput
from reconcile.providers.audience.csv_reader import Declared
from reconcile.providers.audience.private import scratch_folder
from reconcile.providers.audience.source import Form, Loaded, load
from tests.providers.audience.model import Read, Stopped, read

COLUMNS = {"email": "E-mail", "name": "Cittá", "note": "N"}
EXAMPLES = 5000 if os.environ.get("CHAOS") else 120

addresses = st.sampled_from(
    [
        "ann@example.com", "ANN@example.com", "bea@example.com", "carl@bücher.example", "carl@xn--bcher-kva.example",
        "d\u034fee@example.com", "\u3164e@example.com", "'ed@example.com'",
        "d\u200bee@example.com", "eve@example.com\u00a0", "\ufefffay@example.com", "guy@@example.com", "", "hal",
        "ivy@exa\u00admple.com", "jo\u0301@example.com", "j\u00f3@example.com", "NULL", "kim@example.com\n",
        "a,b@example.com", "lee@-x-.é", "mia@BÜCHER.example", "ned@example。com", "joÃ³@example.com",
    ]
)  # fmt: skip
values = st.sampled_from(
    [
        "3,93331E+11", "1.5e-05", "#RIF!", "'039", "=1+1", "Nicol&ograve;", "Čuk", "ÄŤuk", "TĂŞNAD", "null", "b'x'",
        "a@b.org,Bea;x\n-", "Nicol\\u00f2", "Nicol%C3%B2", "Úžas",
        "Ada", "Nicolò", "Nicolo\u0300", 'A "d" a', "two\nlines", "x,y;z\tw|v", "", " \u2003 ", "NULL", "="'"039"',
        "3.93331E+11", "393331234567.0", "Nicol\\xC3\\xB2", "NicolÃ²", "\u202eevil", "z\u200bw", "nul\0l", "it's",
        "a@b.org,Bea\nc@d.org,Carl", "\u2028", "tab\tin", "Ж", "😀", "\ufffd", "'q'", "x\ry", "12.0", "Nan",
    ]
)  # fmt: skip
cells = addresses | values | st.text(max_size=6)


SOUND = ["ann@example.com", "ANN@example.com", "bea@example.com", "carl@bücher.example", "eve@example.com", "zoe@b.org"]


@st.composite
def sound_files(draw: st.DrawFn) -> tuple[bytes, str, str, str, list[str]]:
    """A file that nothing is wrong with, unless two rows are about one person: else most files are stopped."""
    encoding = draw(st.sampled_from(["utf-8", "cp1252", "cp1250", "latin-1"]))
    delimiter, end = draw(st.sampled_from([",", ";", "\t", "|"])), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    who = draw(st.lists(st.sampled_from(SOUND), max_size=5, unique=True))
    rows = [[email, draw(st.sampled_from(["Ada", "", "x,y;z", "Málaga"])), "", "-"] for email in who]
    lines = [["E-mail", "Cittá", "N", "Other"], *rows]
    text = end.join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    return text.encode(encoding), encoding, delimiter, '"', ["E-mail", "Cittá", "N"]


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str, str, str, list[str]]:
    """A file's bytes, with its encoding, delimiter and quote, and the order of its columns."""
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "cp1252", "cp1250", "latin-1"]))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quote = draw(st.sampled_from(['"', '"', '"', "'", ""]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    header = draw(st.permutations(["E-mail", draw(st.sampled_from(["Cittá", "Citta\u0301"])), "N", "Other"]))
    at = header.index("E-mail")
    rows = []
    for _ in range(draw(st.integers(0, 5))):
        row = [draw(addresses if place == at else values | st.text(max_size=4)) for place in range(4)]
        if draw(st.integers(0, 9)) == 0:
            row = row[: draw(st.integers(0, 3))]
        rows.append(row)
    if draw(st.booleans()) and rows:
        rows.append(draw(st.sampled_from(rows)))
    lines = [delimiter.join(_written(cell, delimiter, quote, draw) for cell in row) for row in [list(header), *rows]]
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(["", delimiter * 3, f" {delimiter}"])))
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    data = text.encode("utf-16-le" if encoding == "utf-16" else encoding, "replace")
    if draw(st.integers(0, 3)) == 0:
        data = data[: draw(st.integers(0, len(data)))]
    if draw(st.integers(0, 5)) == 0 and data:
        place = draw(st.integers(0, len(data) - 1))
        data = data[:place] + draw(st.sampled_from([b'"', b"\n", b"\r", b"\xff", b"\0", b",", b";"])) + data[place:]
    if encoding == "utf-8" and draw(st.booleans()):
        data = b"\xef\xbb\xbf" * draw(st.integers(1, 2)) + data
    return data, encoding, delimiter, quote, ["E-mail", "Cittá", "N"]


def _written(cell: str, delimiter: str, quote: str, draw: st.DrawFn) -> str:
    if not quote:
        return cell.replace(delimiter, " ").replace("\n", " ").replace("\r", " ")
    needed = any(character in cell for character in (delimiter, quote, "\n", "\r"))
    # Now and then as broken as exports are.
    if (needed and draw(st.integers(0, 19))) or draw(st.booleans()):
        return quote + cell.replace(quote, quote * 2) + quote
    return cell


@settings(max_examples=EXAMPLES, deadline=None)
@given(files())
def test_any_file(file: tuple[bytes, str, str, str, list[str]]) -> None:
    data, encoding, delimiter, quote, wanted = file
    declared = Declared(delimiter, quote, None if encoding == "utf-8" else encoding)
    try:
        expected: Read | Stopped = read(data, encoding, delimiter, quote, wanted)
    except Stopped as stopped:
        expected = stopped
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or data[1:2] == b"\0" or data[:4].lower() == b"sep=":
        return  # what shows another encoding than the declared one has tests of its own
    outcome = _outcome(data, declared)
    if isinstance(outcome, InvalidInput):
        told = outcome.diagnostics[0].detail
        assert isinstance(expected, Stopped), told
        assert expected.line is None or f"line {expected.line} " in told
        return
    loaded, people = outcome
    assert isinstance(expected, Read), f"the model stops at {expected}"
    assert people == expected.people
    assert [line for line, _ in loaded.rejects] == expected.rejects
    assert (loaded.empty, loaded.repeats) == (expected.empty, expected.repeats)


def _outcome(data: bytes, declared: Declared) -> "tuple[Loaded, dict[str, tuple[str, ...]]] | InvalidInput":
    try:
        return taken(data, declared)
    except InvalidInput as error:
        return error


def taken(data: bytes, declared: Declared, name: str = "p.csv") -> tuple[Loaded, dict[str, tuple[str, ...]]]:
    """What the reader makes of a file."""
    with tempfile.TemporaryDirectory() as root, scratch_folder() as scratch, duckdb.connect() as connection:
        (Path(root) / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        loaded = load(connection, Path(root), name, COLUMNS, scratch, Form("email", 200, declared=declared))
        rows = connection.execute("SELECT key, email, cells[1], cells[2] FROM wanted").fetchall()
    return loaded, {key: tuple(values) for key, *values in rows}


HEADER = "E-mail;Cittá;N\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sep=;\nE-mail;Cittá;N\na@b.org;A,B;\n", ["A,B"]),
        ('"E-mail";"Cittá";"N";"a,b,c,d,e"\na@b.org;A;;"1,2"\n', ["A"]),
        ("\n\n  \n" + HEADER + "a@b.org;A;\n", ["A"]),
        ("E-mail|Cittá|N\na@b.org|A;B|x,y\n", ["A;B"]),
        ("E-mail\tCittá\tN\ra@b.org\tA;B\tx,y\r", ["A;B"]),
    ],
)
def test_the_delimiter_is_found_on_whole_records(text: str, names: list[str]) -> None:
    loaded, people = taken(text.encode(), Declared())
    assert [name for _, name, _ in people.values()] == names
    assert loaded.rejects == ()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "3,93331E+11",
            "3.93331e+11",
            "3,93E11",
            "39.3E+10",
            "1e-05",
            "393331234567,0",
            "'039",
            "=039",
            "=A1",
            "null",
        ),
        *(
            "(null)",
            "<NA>",
            "NaT",
            "#RIF!",
            "#N/D",
            "#NV",
            "#BEZUG!",
            "####",
            "Nicol\\u00f2",
            "Nicol&ograve;",
            "A&#242;",
        ),
        *("Nicol%C3%B2", "b'Ada'", "NovĂˇk", "Ĺ˝iva", "ÄŤuk"),
    ],
)
def test_what_an_export_damaged_is_told(value: str) -> None:
    loaded, _ = taken(f'{HEADER}a@b.org;"{value}";\n'.encode(), Declared())
    assert loaded.rejects == ((2, "has a value that looks damaged (name)"),)


@pytest.mark.parametrize(
    "value", ["'t Hart", "R&B", "1e5", "12E3", "TĂŞNAD", "Čuk", "déšť", "Úžas", "None", "-", "+39 06", "#1", "100%"]
)
def test_what_only_looks_odd_is_taken(value: str) -> None:
    assert taken(f"{HEADER}a@b.org;{value};\n".encode(), Declared())[1] == {"a@b.org": ("a@b.org", value, "")}


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x2800, 0x3164, 0xFE0F, 0xE0100, 0x180E, 0x2060])
def test_an_address_shows_all_that_it_is(code: int) -> None:
    for address in (f"a{chr(code)}b@b.org", f"ab@b{chr(code)}c.org", f"{chr(code)}ab@b.org"):
        loaded, _ = taken(f"{HEADER}{address};A;\n".encode(), Declared())
        assert loaded.rejects == ((2, f"has an invisible character (U+{code:04X}) in its address"),)


@pytest.mark.parametrize(
    ("name", "told"), [("\u200bE-mail", '"\\u200bE-mail"'), ("E\u2011mail", '"E\\u2011mail"'), ("e-mail", '"e-mail"')]
)
def test_a_header_that_looks_right_is_spelled_out(name: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        taken(f"{name};Cittá;N\na@b.org;A;\n".encode(), Declared())
    assert caught.value.diagnostics[0].hint == f"Did you mean {told}?"


def test_a_parquet_file_may_not_number_its_rows_itself(tmp_path: Path) -> None:
    table = pyarrow.table({"E-mail": ["a@b.org"], "Cittá": ["A"], "N": ["x"], "File_Row_Number": [7]})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    with scratch_folder() as scratch, duckdb.connect() as connection, pytest.raises(InvalidInput, match="numbered"):
        load(connection, tmp_path, "p.parquet", COLUMNS, scratch, Form("email", 200))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-be"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    text = HEADER + "a@b.org;Nicolò;\n"
    data = text.encode(encoding) if encoding != "utf-16-be" else b"\xfe\xff" + text.encode(encoding)
    loaded, people = taken(data, Declared())
    assert people == {"a@b.org": ("a@b.org", "Nicolò", "")}
    assert loaded.written == f'{"utf-8" if encoding == "utf-8-sig" else "utf-16"}, ";" between columns'


def test_an_encoding_that_the_file_denies_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cp1252 is declared"):
        taken((HEADER + "a@b.org;A;\n").encode("utf-16"), Declared(encoding="cp1252"))


def test_text_in_another_encoding_is_told_and_can_be_declared() -> None:
    data = "E-mail;Cittá;N\na@b.org;Nicolò;\n".encode("cp1252")
    with pytest.raises(InvalidInput) as caught:
        taken(data, Declared())
    assert "encoding: cp1252" in str(caught.value.diagnostics[0].hint)
    assert taken(data, Declared(encoding="cp1252"))[1] == {"a@b.org": ("a@b.org", "Nicolò", "")}


@pytest.mark.parametrize("name", ["*.csv", "p[1].csv", "{a,b}.csv", "p?.csv"])
def test_a_path_is_no_pattern(name: str) -> None:
    with tempfile.TemporaryDirectory() as root, scratch_folder() as scratch, duckdb.connect() as connection:
        for other in ("p1.csv", "a.csv", "pp.csv"):
            (Path(root) / other).write_text(HEADER + "wrong@b.org;A;\n")
        (Path(root) / name).write_text(HEADER + "right@b.org;A;\n")
        load(connection, Path(root), name, COLUMNS, scratch, Form("email", 200))
        assert connection.execute("SELECT email FROM wanted").fetchall() == [("right@b.org",)]


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(HEADER)
    root = tmp_path / "project"
    root.mkdir()
    (root / "p.csv").symlink_to(tmp_path / "secret.csv")
    (root / "folder").symlink_to(tmp_path)
    for path in ("p.csv", "folder/secret.csv", "../secret.csv", str(tmp_path / "secret.csv")):
        with pytest.raises(InvalidInput, match="leads out of the project"):
            _load(root, path)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.csv")
    with pytest.raises(InvalidInput, match="no regular file"):
        _load(tmp_path, "p.csv")


def _load(root: Path, path: str) -> Any:
    with scratch_folder() as scratch, duckdb.connect() as connection:
        return load(connection, root, path, COLUMNS, scratch, Form("email", 200))


def test_parquet_is_read_by_its_own_schema(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "e-mail": ["wrong@b.org"] * 2,
            "E-mail": ["a@b.org", "b@b.org"],
            "Cittá": pyarrow.array([393331234567.0, None]),
            "N": pyarrow.array(["Nicolò".encode(), b"\xff"]),
            "contact": pyarrow.array([{"E-mail": "nested@b.org"}] * 2),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    with scratch_folder() as scratch, duckdb.connect() as connection:
        loaded = load(connection, tmp_path, "p.parquet", COLUMNS, scratch, Form("email", 200))
        rows = connection.execute("SELECT email, cells[1], cells[2] FROM wanted").fetchall()
    assert rows == [("a@b.org", "393331234567", "Nicolò")]
    assert loaded.rejects == ((2, "is not in the file's encoding (note)"),)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pyarrow.array([1.5]), "1.5"),
        (pyarrow.array([3.0], pyarrow.float32()), "3"),
        (pyarrow.array([float("nan")]), ""),
        (pyarrow.array([None]), ""),
        (pyarrow.array([2**62]), str(2**62)),
        (pyarrow.array([decimal.Decimal("12.50")]), "12.5"),
        (pyarrow.array([decimal.Decimal("-0.10")]), "-0.1"),
        (pyarrow.array([decimal.Decimal("393331234567.00")]), "393331234567"),
        (pyarrow.array([True]), "true"),
        (pyarrow.array([datetime.date(2026, 1, 2)]), "2026-01-02"),
        (pyarrow.array([datetime.datetime(2026, 1, 2)]), "2026-01-02"),
        (pyarrow.array([datetime.datetime(2026, 1, 2, 3, 4, 5)]), "2026-01-02 03:04:05"),
        (pyarrow.array(["a"]).dictionary_encode(), "a"),
    ],
)
def test_parquet_types(tmp_path: Path, values: Any, text: str) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"E-mail": ["a@b.org"], "N": values}), tmp_path / "p.parquet")
    with scratch_folder() as scratch, duckdb.connect() as connection:
        columns = {"email": "E-mail", "note": "N"}
        loaded = load(connection, tmp_path, "p.parquet", columns, scratch, Form("email", 200))
        assert connection.execute("SELECT cells[1] FROM wanted").fetchall() == [(text,)]
    assert loaded.rejects == ()


@pytest.mark.parametrize(
    "values",
    [pyarrow.array([["a"]]), pyarrow.array([{"a": 1}]), pyarrow.array([[("k", 1)]], pyarrow.map_("string", "int8"))],
)
def test_parquet_columns_that_are_no_values_are_refused(tmp_path: Path, values: Any) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"E-mail": ["a@b.org"], "N": values}), tmp_path / "p.parquet")
    with scratch_folder() as scratch, duckdb.connect() as connection, pytest.raises(InvalidInput, match="no single"):
        load(connection, tmp_path, "p.parquet", {"email": "E-mail", "note": "N"}, scratch, Form("email", 200))


def test_parquet_lists_of_tags(tmp_path: Path) -> None:
    tags = pyarrow.array([["vip", "crm"], None, [], ["a,b"], [None, "x"]], pyarrow.list_(pyarrow.string()))
    table = pyarrow.table({"E-mail": [f"p{number}@b.org" for number in range(5)], "T": tags})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    with scratch_folder() as scratch, duckdb.connect() as connection:
        form = Form("email", 200, lists=("tags",))
        loaded = load(connection, tmp_path, "p.parquet", {"email": "E-mail", "tags": "T"}, scratch, form)
        rows = connection.execute("SELECT email, cells[1] FROM wanted ORDER BY email").fetchall()
    assert rows == [("p0@b.org", "vip,crm"), ("p1@b.org", ""), ("p2@b.org", ""), ("p4@b.org", "x")]
    assert loaded.rejects == ((4, "has a comma in one of its tags"),)


@pytest.mark.parametrize("number", [1e30, 2.0**53 + 2, float("inf")])
def test_parquet_numbers_that_lost_digits_are_told(tmp_path: Path, number: float) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"E-mail": ["a@b.org"], "N": [number]}), tmp_path / "p.parquet")
    with scratch_folder() as scratch, duckdb.connect() as connection:
        columns = {"email": "E-mail", "note": "N"}
        loaded = load(connection, tmp_path, "p.parquet", columns, scratch, Form("email", 200))
    assert len(loaded.rejects) == 1
