"""The README says what the code does."""

from pathlib import Path

from resqd.settings import OPTIONS

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_settings_is_the_codes_own() -> None:
    """Every setting stands in the README with its flag, its default and its meaning, in the code's order."""
    rows = [
        f"| `{option.variable}` | `{option.flag}` | {option.default or '-'} | {option.help} |"
        for option in OPTIONS
    ]
    lines = [line for line in README.read_text().splitlines() if line.startswith("| `")]
    assert [line for line in lines if line in rows] == rows, "\n".join(rows)
