"""What audiences of all platforms may declare of their files, and what is wrong with that."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import Field

from reconcile.model.kind import ABSENT, Spec

FORMATS: Final = (".csv", ".csv.gz", ".parquet")
FILES: Final = ("source", "exclude")


class FromFile(Spec):
    """An audience's files, how they are written, and what becomes of who is not in them any more."""

    source: str = Field(min_length=1, description="Project-relative path of the file: .csv, .csv.gz or .parquet.")
    delimiter: Literal[",", ";", "\t", "|"] = Field(
        ABSENT, description="What stands between the columns of the CSV file; absent: found in the file."
    )
    quote: Literal['"', "'", ""] = Field(
        ABSENT, description="What texts of the CSV file are quoted with; empty: nothing is. Absent: the double quote."
    )
    encoding: Literal["utf-8", "utf-16", "cp1250", "cp1252", "latin-1"] = Field(
        ABSENT, description="The encoding of the CSV file; absent: UTF-8, or what its byte order mark says."
    )
    exclude: str = Field(
        ABSENT,
        min_length=1,
        description="Path of a file of people who are to be left out, in the column that has the address.",
    )
    mode: Literal["add", "sync"] = Field(
        "add", description="sync also takes out whom this entry had put there and the file no longer has."
    )


def files(declared: Mapping[str, Any]) -> dict[str, str]:
    """The files that an entry names, by attribute."""
    return {name: declared[name] for name in FILES if name in declared}


def check_files(declared: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """What is wrong with an entry's files, as far as it can be told without reading them."""
    for attribute, path in files(declared).items():
        if not path.endswith(FORMATS):
            yield attribute, f"The {attribute} is a .csv, .csv.gz or .parquet file."
    if declared.get("exclude") == declared["source"]:
        yield "exclude", "This is the source itself, so everybody in it would be excluded."
    if declared["source"].endswith(".parquet"):
        for attribute in ("delimiter", "quote", "encoding"):
            if declared.get(attribute) is not None:
                yield attribute, "This is for CSV files; a Parquet file says itself how it is written."
