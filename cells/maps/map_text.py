"""The text of a map: a TOML file that explains itself to somebody who has never seen one."""

from collections.abc import Iterator, Sequence

from cells.columns import CUSTOM_PREFIX
from cells.maps.column_map import AskedForm
from cells.maps.draft import DraftedColumn
from cells.safe_text import encodable, harmless_line, toml_string
from cells.source_file import SourceFile
from cells.text_form import DELIMITERS

LONGEST_SAMPLE = 60  # characters


def map_text(
    source: SourceFile, columns: Sequence[DraftedColumn], form: AskedForm, fields: Sequence[str] | None
) -> str:
    """The map as a TOML file with notes; `form` is what was asked for about the file, and `fields` those of Close."""
    head = [*_introduction(source.name, fields), "", *_file_section(source, form)]
    return "\n".join([*head, *(line for column in columns for line in _section(column, len(source.cells)))]) + "\n"


def _introduction(name: str, fields: Sequence[str] | None) -> Iterator[str]:
    yield from (f"# {line}".rstrip() for line in INTRODUCTION.format(name=_in_note(name)).splitlines())
    if fields is None:
        yield "# Close was not asked which custom fields it has."
    elif fields:
        yield "#"
        yield "# The custom fields that Close has:"
        yield from (f"#   {toml_string(CUSTOM_PREFIX + field)}" for field in fields)


INTRODUCTION = """\
What an import takes the columns of {name} for. Change what is wrong, save the file, and run the import.

Below, each line [columns."..."] begins the section of one column: notes on what it holds, then its target, which is
what the column is taken for. To change that, change the words between the quotation marks after target =, and keep the
quotation marks straight: "like this". Lines that begin with # are notes for you, which the import does not read.

A target is one of these:

  "Company"             required: rows with the same company become one lead
  "Contact Name"        the whole name, or its parts: "Prefix", "First Name", "Middle Name", "Last Name", "Suffix";
                        "Full Name" is used where the first or last name is blank
  "Contact Emails"      in any number of columns; "Types of Contact Emails" are labels such as Work beside them
  "Contact Phones"      the same; "Types of Contact Phones" are their labels
  "Company US State"
  "custom.Field Name"   the lead custom field of that name; it is created if Close does not have it
  ""                    nothing: the column is left out
  "?"                   not decided yet: the import asks you to decide

If an import reads the values of a column wrongly, say below its target, in a line of its own, how to read them:

  type = "mobile"               of phones and e-mails: office, mobile, home, direct, fax or other
  type = "text"                 of a new custom field: text, textarea, number, date or datetime
  values = {{ hot = "Gold", "not yet" = "" }}   what to read instead of hot, and of not yet; "" reads it as blank.
                                A name with blanks in it needs quotation marks
  separator = " / "             what separates several values in a cell
  region = "GB"                 the country of phone numbers without +
  date_order = "dmy"            what comes first: day (dmy), month (mdy) or year (ymd)
  two_digit_years = "excel"     reads 87 as 1987 and 12 as 2012
  year_only = "january"         reads 1987 as January 1, 1987
  decimal = "comma"             what comes before the decimals: dot or comma
  timezone = "Europe/Berlin"    the time zone of times that are written without one
"""


def _file_section(source: SourceFile, form: AskedForm) -> Iterator[str]:
    marks = {mark: name.removesuffix("s") for mark, name in DELIMITERS.items()}
    asked = {
        "sheet": toml_string(form.sheet) if form.sheet else "",
        "header_row": str(form.header_row or ""),
        "delimiter": toml_string(marks[form.delimiter]) if form.delimiter else "",
        "encoding": toml_string(form.encoding) if form.encoding else "",
    }
    yield "[file]"
    yield f"# How the file is read: {_in_note(source.form or 'as usual')}. If that is wrong, add a line such as"
    yield '# sheet = "Leads", header_row = 3, delimiter = "semicolon" or encoding = "cp1252".'
    yield from (f"{name} = {value}" for name, value in asked.items() if value)


def _section(column: DraftedColumn, rows: int) -> Iterator[str]:
    """The lines of the section on a column of a file with so many rows."""
    yield ""
    yield f"[columns.{toml_string(column.title)}]"
    if column.note:
        yield f"# {_in_note(column.note)}"
    yield f"# filled in {column.filled} of {rows} rows{': ' if column.samples else ''}{_samples(column.samples)}"
    yield f"target = {toml_string(column.target)}"
    if column.region:
        yield f"region = {toml_string(column.region)}"


def added_text(source: SourceFile, columns: Sequence[DraftedColumn]) -> str:
    """The sections on columns of a file to add at the end of a map; "" if there are none."""
    lines = [line for column in columns for line in _section(column, len(source.cells))]
    note = f"# Added, because {_in_note(source.name)} has these columns, too."
    return "\n".join(["", note, *lines, ""]) if columns else ""


def _samples(samples: Sequence[str]) -> str:
    return ", ".join(f'"{_in_note(each, LONGEST_SAMPLE)}"' for each in samples)


def _in_note(text: str, longest: int | None = None) -> str:
    """A text that can stand in a line that begins with #, cut if it is long."""
    line = harmless_line(encodable(text)).replace("\t", " ")
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"
