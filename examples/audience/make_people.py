"""Writes audiences/customers.csv.gz: ten thousand invented people, the same ones every time.

Their addresses are on the reserved domains example.com, example.net and example.org, so nobody has them.
"""

import csv
import gzip
import io
import random
from pathlib import Path

COUNT = 10_000
FIRST = ("Ada", "Bea", "Carlo", "Dario", "Elena", "Furio", "Gaia", "Hana", "Ivo", "Jana", "Luka", "Maja", "Nina", "Oto")
LAST = ("Bianchi", "Cosolini", "Devetak", "Ferri", "Gorjan", "Humar", "Kralj", "Marušič", "Novak", "Rossi", "Sossi")
DOMAINS = ("example.com", "example.net", "example.org")


def main() -> None:
    """Write the file beside this script."""
    chance = random.Random(2026)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["E-mail", "Nome", "Cognome", "Telefono", "Cliente dal"])
    for number in range(COUNT):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        address = f"{first.lower()}.{number}@{chance.choice(DOMAINS)}"
        phone = f"+39 0481 {chance.randrange(100_000):05}" if chance.random() < 0.3 else ""
        writer.writerow([address, first, last, phone, chance.randrange(2001, 2027)])
    path = Path(__file__).parent / "audiences" / "customers.csv.gz"
    # Neither time nor name in the header: the same people, the same bytes.
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.getvalue().encode())


if __name__ == "__main__":
    main()
