"""Small PDF files, written by hand."""

from collections.abc import Sequence


def pdf(pages: Sequence[Sequence[str]], title: str = "", author: str = "", encrypted: bool = False) -> bytes:
    """A file whose pages have the given lines in Helvetica: the first of the first page large, the others small."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for number, lines in enumerate(pages):
        ops = ["BT 50 780 Td"]
        for at, line in enumerate(lines):
            size = 20 if number == 0 and at == 0 else 10
            ops.append(f"/F1 {size} Tf ({_escaped(line)}) Tj 0 -{size + 4} Td")
        stream = " ".join([*ops, "ET"]).encode("latin-1")
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    objects.append(f"<< /Title ({_escaped(title)}) /Author ({_escaped(author)}) >>".encode("latin-1"))
    extra = b""
    if encrypted:
        key = b"<" + b"41" * 32 + b">"
        objects.append(b"<< /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O %s /U %s >>" % (key, key))
        extra = b" /Encrypt %d 0 R /ID [%s %s]" % (len(objects), key, key)
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    info = len(objects) - (1 if encrypted else 0)
    out += b"trailer << /Size %d /Root 1 0 R /Info %d 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        info,
        extra,
        start,
    )
    return bytes(out)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


PAPER = [
    "Sparse lattices of Gaussian moles",
    "Ada Quill, Bo van Roe",
    "arXiv:2103.01234v2 [cs.LG] 3 Mar 2021",
    "Abstract",
    "We show that lattices of moles reach an accuracy of 91.5% on Burrow,",
    "which is more than any lattice before has reached, and we say why it is so.",
    "1 Introduction",
    "Moles dig. A lattice of them digs deeper than one mole could ever dig alone.",
]
