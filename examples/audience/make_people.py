"""Writes the files in audiences/: invented people, the same ones every time, in every dialect that exports have.

Their addresses are on the reserved domains example.com, example.net and example.org, so nobody has them. The Parquet
file is written with duckdb.
"""

import csv
import gzip
import io
import random
import unicodedata
from pathlib import Path

COUNT = 10_000
FIRST = ("Ada", "Bea", "Carlo", "Dario", "Elena", "Furio", "Gaia", "Hana", "Ivo", "Jana", "Luka", "Maja", "Nina", "Oto")
LAST = ("Bianchi", "Cosolini", "Devetak", "Ferri", "Gorjan", "Humar", "Kralj", "Marušič", "Novak", "Rossi", "Sossi")
DOMAINS = ("example.com", "example.net", "example.org")


FOLDER = Path(__file__).parent / "audiences"


def main() -> None:
    """Write the files beside this script."""
    write_customers()
    write_dialects()


def write_customers() -> None:
    """Ten thousand people, packed."""
    chance = random.Random(2026)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["E-mail", "Nome", "Cognome", "Telefono", "Cliente dal"])
    for number in range(COUNT):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        address = f"{first.lower()}.{number}@{chance.choice(DOMAINS)}"
        phone = f"+39 0481 {chance.randrange(100_000):05}" if chance.random() < 0.3 else ""
        writer.writerow([address, first, last, phone, chance.randrange(2001, 2027)])
    path = FOLDER / "customers.csv.gz"
    # Neither time nor name in the header: the same people, the same bytes.
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.getvalue().encode())


def write_dialects() -> None:
    """A few people in each of the ways in which other programs write them."""
    # Excel in Western Europe: a line that names the separator, cp1252, CRLF, empty rows at the end.
    excel = "sep=;\nE-mail;Nome;Consenso\nada@example.com;Ada;sì\nnicolo@example.com;Nicolò;no\n"
    excel += "bea@example.com;Bea;\n;;\n;;\n"
    (FOLDER / "excel.csv").write_bytes(excel.replace("\n", "\r\n").encode("cp1252"))
    # Excel's "Unicode text": UTF-16 with tabs.
    unicode = "E-mail\tNome\noto@example.net\tOto\nmaja@example.net\tMaja Šuštaršič\n"
    (FOLDER / "unicode.csv").write_bytes(unicode.replace("\n", "\r\n").encode("utf-16"))
    # An older program in Central Europe: cp1250, bars, nothing quoted.
    bars = 'E-mail|Ime\nluka@example.org|Luka "Lučko" Kralj\n'
    (FOLDER / "bars.csv").write_bytes(bars.encode("cp1250"))
    # A shop: quotes, columns that nobody maps with line ends in them, a person twice.
    shop = 'Order,E-mail,Name,Note\n1,"hana@example.com","Hana, of Gorica","Ring twice,\nplease"\n'
    shop += '2,ivo@example.com,"Ivo ""Iko"" Humar",\n3,"hana@example.com","Hana, of Gorica",\n'
    (FOLDER / "shop.csv").write_text("\ufeff" + shop, encoding="utf-8", newline="")
    # A Mac: lines end in CR, letters and their accents are apart.
    mac = unicodedata.normalize("NFD", "E-mail;Città\nelena@example.org;Forlì\n")
    (FOLDER / "mac.csv").write_bytes(mac.replace("\n", "\r").encode())
    # Who asked, elsewhere, to be left out.
    (FOLDER / "left-out.csv").write_text("E-mail\nivo@example.com\n", encoding="utf-8")
    write_parquet()


def write_parquet() -> None:
    """A data warehouse: numbers as numbers, some of them missing."""
    import duckdb

    rows = "('gaia@example.net', 'Gaia', 393331234567::DOUBLE), ('furio@example.net', 'Furio', NULL)"
    with duckdb.connect() as connection:
        people = connection.sql(f"SELECT * FROM (VALUES {rows}) t(email, name, phone)")  # noqa: S608  # ours
        people.write_parquet(str(FOLDER / "warehouse.parquet"))


if __name__ == "__main__":
    main()
