"""Splitting files into records: whole files come through, damage stays where it is."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from anirec.datasets import records
from anirec.datasets.records import Account, Splitter, split

FIELD = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Nd"), exclude_characters="\0\r"), max_size=8),
    st.text('a",\n é', max_size=6),
)
"""Without digits: a line inside quotes that looks like a record in full is taken for one."""
ROWS = st.lists(st.tuples(st.integers(0, 10**6).map(str), FIELD, FIELD), max_size=12)
HEADER = ("id", "b", "c")


def written(rows: list[tuple], line_end: str = "\n") -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end).writerows([HEADER, *rows])
    return out.getvalue().encode()


def pieces(data: bytes, in_line: bool = False) -> tuple[Account, list[tuple]]:
    """Split the text of a file; return the account and the good records."""
    out = io.BytesIO()
    account = split(io.BytesIO(data), Splitter(len(HEADER), [0], out, in_line))
    text = io.StringIO(out.getvalue().decode(), newline="")
    return account, [tuple(row) for row in csv.reader(text)]


@given(ROWS, st.sampled_from(["\n", "\r\n"]))
def test_whole_file_comes_through(rows: list[tuple], line_end: str) -> None:
    account, found = pieces(written(rows, line_end))
    assert found == rows
    assert (account.good, account.bad, account.repaired) == (len(rows), [], {})


@given(ROWS)
def test_places_are_those_of_the_file(rows: list[tuple]) -> None:
    account, _ = pieces(written(rows))
    line = 2
    for index, row in enumerate(rows):
        assert account.place(index) == (line, index + 2)
        line += 1 + sum(field.count("\n") for field in row)


@given(ROWS, st.data())
def test_every_byte_of_a_damaged_file_is_accounted_for(rows: list[tuple], data) -> None:
    text = written(rows)
    start = text.index(b"\n") + 1
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(start, len(text)))
        junk = data.draw(st.sampled_from([b'"', b",", b"\n", b"\0", b"\xff", b"\r", b""]))
        text = text[:at] + junk + text[at + data.draw(st.integers(0, 1)) :]
    account, found = pieces(text)
    assert len(found) == account.good
    for bad in account.bad:
        stretch = text[bad.offset : bad.offset + bad.length]
        assert bad.length == len(stretch) > 0
        before = text[: bad.offset]
        n_lines = before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
        assert bad.line == n_lines + 1
    numbers = [account.place(i)[1] for i in range(account.good)] + [b.record for b in account.bad]
    assert sorted(numbers) == list(range(2, account.good + len(account.bad) + 2))


@given(ROWS)
def test_small_blocks_give_the_same(rows: list[tuple]) -> None:
    damaged = written(rows) + b'7,"open,x\n8,a,b\n\n9,a\n'
    whole = pieces(damaged)
    sizes = records.BLOCK_SIZE, records.LOOKAHEAD
    records.BLOCK_SIZE, records.LOOKAHEAD = 32, 400
    try:
        assert pieces(damaged) == whole
    finally:
        records.BLOCK_SIZE, records.LOOKAHEAD = sizes


def test_line_breaks_become_blanks_where_a_record_is_to_be_a_line() -> None:
    account, found = pieces(b'id,b,c\n1,"a\nb",c\n2,"d\r\ne",f\n', in_line=True)
    assert found == [("1", "a b", "c"), ("2", "d e", "f")]
    assert [account.place(i) for i in range(2)] == [(2, 2), (4, 3)]


def test_line_breaks_stay_where_it_may_be_several() -> None:
    assert pieces(b'id,b,c\n1,"a\r\nb",c\n')[1] == [("1", "a\nb", "c")]
