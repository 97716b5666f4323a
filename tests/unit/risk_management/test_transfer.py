"""Files of positions: every problem by row and column, all or nothing, and back again."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_dashboard.agents.risk_management.transfer.reading import Reading, read_positions
from trading_dashboard.agents.risk_management.transfer.rows import (
    MAX_BYTES,
    MAX_ROWS,
    Format,
    as_text,
    from_text,
    starts_formula,
)
from trading_dashboard.agents.risk_management.transfer.writing import write_positions
from trading_dashboard.models.risk.account import Lot, Position

KNOWN = ("AAPL", "MSFT", "GOOG", "IBM", "FB")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2010, 5, 6, 18, 30, tzinfo=UTC)
HEADING = "symbol,quantity,average_cost\n"


def read(
    text: str | bytes, format_: Format = "csv", known: tuple[str, ...] | None = KNOWN
) -> Reading:
    data = text.encode() if isinstance(text, str) else text
    return read_positions(data, format_, known, now=NOW)


def found(reading: Reading) -> list[tuple[int, str | None, str]]:
    return [(one.row, one.column, one.problem) for one in reading.problems]


def only(reading: Reading) -> str:
    assert len(reading.problems) == 1, found(reading)
    assert reading.rows == ()
    one = reading.problems[0]
    return f"{one.row} {one.column}: {one.observed} | {one.problem} {one.next_step}"


def test_a_file_with_everything() -> None:
    reading = read(
        "symbol,quantity,average_cost,currency,opened_at\r\n"
        "AAPL,100,210.5,USD,2010-04-01\r\n"
        '"MSFT","-20.12345678","30","","2010-05-06T14:30:00-04:00"\r\n'
        "IBM,+5,.5,,\r\n"
    )
    assert not reading.problems
    assert [(row.row, row.symbol, row.quantity, row.average_cost) for row in reading.rows] == [
        (1, "AAPL", Decimal(100), Decimal("210.5")),
        (2, "MSFT", Decimal("-20.12345678"), Decimal(30)),
        (3, "IBM", Decimal(5), Decimal("0.5")),
    ]
    assert [row.opened_at for row in reading.rows] == [
        datetime(2010, 4, 1, tzinfo=UTC),
        datetime(2010, 5, 6, 18, 30, tzinfo=UTC),
        None,
    ]
    assert {row.currency for row in reading.rows} == {"USD"}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffsymbol,quantity,price\nAAPL,1,2\n",
        "Symbol;Quantity;Average cost\nAAPL;1;2\n",
        "symbol\tquantity\taverage_cost\nAAPL\t1\t2",
        "quantity,average_cost,symbol\r1,2,AAPL\r",
        '\n\nsymbol,quantity,average_cost\n"AAPL",1,"2"\n\n,,\n',
        "symbol,quantity,average_cost,,\nAAPL,1,2,,\n",
        "symbol,quantity,average_cost,currency\n AAPL , 1 , 2 \n",
    ],
    ids=["bom", "semicolons", "tabs", "old-mac", "blank-lines", "empty-columns", "spaces"],
)
def test_harmless_differences(text: str) -> None:
    reading = read(text)
    assert not reading.problems
    assert [(row.symbol, row.quantity, row.average_cost) for row in reading.rows] == [
        ("AAPL", Decimal(1), Decimal(2))
    ]


def test_every_problem_is_listed_and_nothing_is_taken() -> None:
    reading = read(
        "symbol,quantity,average_cost,currency,opened_at\n"
        "AAPL,1,2,USD,\n"
        "APPL,0,-1,EUR,2011-01-01\n"
        ",nan,inf,,06.05.2010\n"
        "\n"
        "MSFT,1,,USD,2010-05-01T10:00:00\n"
        "AAPL,3,4,USD,1899-12-31\n"
    )
    assert reading.rows == ()
    assert reading.count == 5
    assert [(row, column) for row, column, _ in found(reading)] == [
        (2, "symbol"),
        (2, "quantity"),
        (2, "average_cost"),
        (2, "currency"),
        (2, "opened_at"),
        (3, "symbol"),
        (3, "quantity"),
        (3, "average_cost"),
        (3, "opened_at"),
        (5, "average_cost"),
        (5, "opened_at"),
        (6, "opened_at"),
        (6, "symbol"),
    ]
    assert all(one.problem and one.next_step for one in reading.problems)
    assert "AAPL" in reading.problems[0].next_step
    # Without the wrong rows the same file is taken.
    assert len(read(HEADING + "AAPL,1,2\nMSFT,1,3\n").rows) == 2


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('"1,234"', "thousands separator or a decimal comma"),
        ('"1,234.50"', "thousands separators"),
        ('"1.234,50"', "points between thousands"),
        ("1.234.567", "points between thousands"),
        ('"12,5"', "decimal comma"),
        ("1 234", "thousands separators"),
        ("1\u00a0234.5", "thousands separators"),
        ("1'234", "thousands separators"),
        ("1_000", "thousands separators"),
        ("(100)", "brackets"),
        ("−100", "dash"),
        ("5%", "percentage"),
        ("1E5", "exponent"),
        ("$12", "more than digits"),
        ("12 €", "more than digits"),
        ("12 shares", "more than digits"),
        ("NaN", "finite"),
        ("-Infinity", "finite"),
        ("inf", "finite"),
        ("#DIV/0!", "finite"),
        ("=1+1", "formula"),
        ("0x10", "not a number"),
        ("\uff11\uff12", "not a number"),
        ("\u0663", "not a number"),
        ("1-", "not a number"),
        ("0.123456789", "9 decimals"),
        ("1" * 41, "41 characters"),
        ("1000000001", "beyond"),
        ("-1000000001", "beyond"),
        ("0", "nothing"),
        ("-0.00", "nothing"),
        ("", "missing"),
    ],
)
def test_numbers_are_not_guessed(cell: str, said: str) -> None:
    problem = only(read(f"{HEADING}AAPL,{cell},2\n"))
    assert problem.startswith("1 quantity:")
    assert said in problem


def test_points_may_part_thousands_where_semicolons_part_cells() -> None:
    heading = HEADING.replace(",", ";")
    assert "point between thousands" in only(read(f"{heading}AAPL;1.234;2\n"))
    assert read(f"{heading}AAPL;1.2340;2\n").rows[0].quantity == Decimal("1.234")
    assert read(f"{HEADING}AAPL,1.234,2\n").rows[0].quantity == Decimal("1.234")


def test_a_decimal_comma_without_quotes_makes_a_cell_too_many() -> None:
    assert "decimal commas" in only(read(f"{HEADING}AAPL,1,2,50\n"))


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("aapl", "Did you mean AAPL?"),
        ("GOGO", "Did you mean GOOG?"),
        ("ZZZZ", "not known. Search"),
        ("\u0410\u0410\u0420L", "\\u0410\\u0410\\u0420L"),
        ("A B", "cannot be a symbol"),
        ("X" * 33, "cannot be a symbol"),
        ("=cmd|' /C calc'!A0", "formula"),
        ("@SUM(A1)", "formula"),
        ("AAPL\x00", "cannot be a symbol"),
    ],
)
def test_symbols(symbol: str, said: str) -> None:
    assert said in only(read(f'{HEADING}"{symbol}",1,2\n'))


def test_without_a_list_of_symbols_any_sound_one_is_taken_but_no_formula() -> None:
    assert read(f"{HEADING}BRK.B,1,2\n^GSPC,1,2\n", known=None).rows[1].symbol == "^GSPC"
    assert "formula" in only(read(f"{HEADING}=1+1,1,2\n", known=None))


def test_unknown_symbols_without_end_are_read_in_time() -> None:
    known = tuple(f"S{i:05}" for i in range(5_000))
    text = HEADING + "".join(f"Q{i},1,2\n" for i in range(MAX_ROWS))
    reading = read(text, known=known)
    assert len(reading.problems) == MAX_ROWS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no heading"),
        ("\n\n", "no heading"),
        ("AAPL,1,2\n", "not a heading"),
        (HEADING, "no positions"),
        ("symbol,quantity\nAAPL,1\n", "0 average_cost:  | The column is missing."),
        ("quantity,price\n1,2\n", "0 symbol:  | The column is missing."),
        ("symbol,quantity,price,average_cost\nAAPL,1,2,2\n", "Both average_cost and price"),
        ("symbol,quantity,price,symbol\nAAPL,1,2,2\n", "there 2 times"),
        ("symbol,quantity,avg_cost,price\nAAPL,1,2,2\n", "Rename it to average_cost"),
        (HEADING + 'AAPL,1,"2\nMSFT,1,2\n', "not closed"),
        (HEADING + 'AAPL,1,"2"x\nMSFT,1,2\n', "do not pair"),
        (HEADING + "AAPL,1," + "2" * 140_000, "too long"),
        (HEADING + "AAPL,1,2\n" * (MAX_ROWS + 1), "too many rows"),
        ("symbol,quantity,average_cost\nAAPL,1,2".encode("utf-16"), "UTF-16"),
        (b" " * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_files_that_cannot_be_used(text: str | bytes, said: str) -> None:
    assert said in only(read(text))


def test_bytes_that_are_not_utf8_are_told_by_cell() -> None:
    latin = f"{HEADING}AAPL,1,2\nMÜNCH,1,2\nIBM,1€,2\n".encode("cp1252")
    assert [(row, column) for row, column, _ in found(read(latin))] == [
        (2, "symbol"),
        (3, "quantity"),
    ]
    assert "UTF-8" in read(latin).problems[0].problem


def test_what_is_shown_is_short_and_printable() -> None:
    shown = read(f'{HEADING}"A\x1b[31m{"x" * 500}\u202e",1,2\n').problems[0].observed
    assert len(shown) < 80
    assert shown.isprintable()


def test_json_both_shapes() -> None:
    row = {"symbol": "AAPL", "quantity": 10.12345678, "average_cost": "1.5", "opened_at": None}
    for shape in ([row], {"positions": [row]}):
        reading = read(json.dumps(shape), "json")
        assert not reading.problems
        assert reading.rows[0].quantity == Decimal("10.12345678")
        assert reading.rows[0].average_cost == Decimal("1.5")
    assert read('[{"symbol":"AAPL","quantity":1e2,"price":5}]', "json").rows[0].quantity == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "lists within lists"),
        ("3", "no list"),
        ("null", "no list"),
        ('{"rows": []}', "not known"),
        ("[]", "no positions"),
        ("[3]", "not an object"),
        (
            '[{"symbol":"AAPL","quantity":1,"quantity":2,"price":1}]',
            "1 quantity: quantity | The key",
        ),
        ('[{"symbol":"AAPL","quantity":1,"cost":2,"price":1}]', "1 cost: cost | The key"),
        ('[{"symbol":"AAPL","quantity":1,"price":1,"average_cost":1}]', "average_cost, too"),
        ('[{"symbol":"AAPL","quantity":true,"price":1}]', "true | The value is neither"),
        ('[{"symbol":"AAPL","quantity":[1],"price":1}]', "a list | The value is neither"),
        ('[{"symbol":"AAPL","quantity":NaN,"price":1}]', "finite"),
        ('[{"symbol":"AAPL","quantity":-Infinity,"price":1}]', "finite"),
        ('[{"symbol":"AAPL","quantity":1e999999999999,"price":1}]', "exponent"),
        ('[{"symbol":"AAPL","quantity":%s,"price":1}]' % ("9" * 50_000), "characters"),
        ('[{"symbol":"\\ud800","quantity":1,"price":1}]', "UTF-8"),
        ('[{"symbol":"AAPL","quantity":"1,5","price":1}]', "decimal comma"),
    ],
)
def test_json_that_cannot_be_used(text: str, said: str) -> None:
    problems = read(text, "json").problems
    assert read(text, "json").rows == ()
    assert any(
        said in f"{one.row} {one.column}: {one.observed} | {one.problem}" for one in problems
    ), problems


def position(symbol: str, quantity: str, cost: str, opened: datetime | None = None) -> Position:
    lots = (
        [Lot(opened_at=opened, quantity=Decimal(quantity), price=Decimal(cost))] if opened else []
    )
    return Position(
        symbol=symbol, quantity=Decimal(quantity), average_cost=Decimal(cost), lots=lots
    )


def test_no_cell_of_an_export_is_a_formula_and_numbers_stay_numbers() -> None:
    symbols = ["=cmd|'/C calc'!A0", "+1", "-2", "@SUM(A1)", "'=x", "\uff1d1", "AAPL"]
    exported = write_positions([position(one, "-5", "2") for one in symbols], "csv")
    rows = list(csv.reader(io.StringIO(exported.decode(), newline="")))
    assert [row[0] for row in rows[1:]] == [as_text(one) for one in symbols]
    assert not any(starts_formula(row[0]) for row in rows)
    assert {row[1] for row in rows[1:]} == {"-5"}
    # Control arm: without the apostrophe five of them would run.
    assert sum(starts_formula(one) for one in symbols) == 5
    back = read_positions(exported, "csv", symbols)
    assert [row.symbol for row in back.rows] == symbols


def test_the_numbers_of_an_export_have_no_exponent() -> None:
    exported = write_positions([position("AAPL", "1E+6", "1E-7")], "csv").decode()
    assert "AAPL,1000000,0.0000001,USD," in exported


def test_a_position_of_nothing_is_not_exported() -> None:
    assert write_positions([position("AAPL", "0", "1")], "csv").decode().count("\n") == 1


amounts = st.decimals(
    Decimal("0.00000001"), Decimal(1_000_000_000), places=8, allow_nan=False, allow_infinity=False
)
texts = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=32)
moments = st.none() | st.integers(-2_000_000_000_000_000, 4_000_000_000_000_000).map(
    lambda microseconds: EPOCH + timedelta(microseconds=microseconds)
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(texts, amounts, st.booleans(), amounts, moments), min_size=1, max_size=8
    ),
    format_=st.sampled_from(["csv", "json"]),
)
def test_an_export_imports_back_equal(
    rows: list[tuple[str, Decimal, bool, Decimal, datetime | None]], format_: Format
) -> None:
    held = {
        symbol: position(symbol, str(-quantity if is_short else quantity), str(cost), opened)
        for symbol, quantity, is_short, cost, opened in rows
    }
    reading = read_positions(write_positions(held.values(), format_), format_, held)
    assert not reading.problems
    assert [
        (row.symbol, row.quantity, row.average_cost, row.currency, row.opened_at)
        for row in reading.rows
    ] == [
        (
            one.symbol,
            one.quantity,
            one.average_cost,
            "USD",
            one.lots[0].opened_at if one.lots else None,
        )
        for one in held.values()
    ]


@settings(max_examples=100, deadline=None)
@given(text=st.text())
def test_escaping_is_undone_exactly(text: str) -> None:
    assert from_text(as_text(text)) == text
    assert not starts_formula(as_text(text))


pieces = st.lists(
    st.sampled_from(
        [b"symbol", b"quantity", b"price", b",", b";", b"\n", b"\r", b'"', b"AAPL", b"1", b"1,5",
         b"\xff", b"\x00", b"=", b"'", b"[", b"{", b"}", b"]", b":", b"\xef\xbb\xbf", b"NaN"]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(data=pieces, format_=st.sampled_from(["csv", "json"]), headed=st.booleans())
def test_whatever_the_bytes_there_is_an_answer(data: bytes, format_: Format, headed: bool) -> None:
    reading = read_positions(HEADING.encode() + data if headed else data, format_, KNOWN)
    assert bool(reading.rows) != bool(reading.problems)
    for one in reading.problems:
        one.model_dump_json()
