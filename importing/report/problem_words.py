"""What the kinds of problems are called for people who do not know their codes."""

PROBLEM_WORDS = {
    "no_company": "There is no company",
    "surplus_cells": "The row has more cells than the header",
    "shifted_row": "The cells of the row have moved to other columns",
    "header_again": "The row repeats the column names",
    "formula": "A formula without its result",
    "several_names": "Several names in one cell",
    "invalid_email": "Not an e-mail address",
    "invalid_phone": "Not a phone number",
    "damaged_phone": "A phone number that a spreadsheet has damaged",
    "invalid_date": "Not a date",
    "two_digit_year": "A year of two digits",
    "year_only": "A year without day and month",
    "day_number": "A date as Excel counts days",
    "no_time_zone": "A time without a time zone",
    "invalid_number": "Not a number",
    "range": "A range instead of one number",
    "wrong_currency": "An amount in another currency",
    "unknown_state": "Not a US state",
    "state_abroad": "A state outside the US",
    "not_a_choice": "Not a choice of its field in Close",
    "invalid_reference": "No such user or contact in Close",
    "too_long": "A text that is too long",
    "too_many": "More values than Close takes",
    "conflict": "Values that disagree",
    "refused": "Refused by Close",
    "changed": "Changed in Close since the plan was approved",
}


def problem_words(code: str) -> str:
    """What a kind of problem is called; a code that has no words is shown as it is."""
    return PROBLEM_WORDS.get(code, code.replace("_", " "))
