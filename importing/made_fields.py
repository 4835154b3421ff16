"""The lead custom fields that an import creates because Close lacks them."""

from collections.abc import Mapping

from cells.lead_fields import IMPORT_KEY
from close.made_once import Maker
from importing.custom_fields import LeadFields
from importing.organization import Organization


def maker_for(organization: Organization) -> Maker:
    """What makes custom fields in an organization, each once."""
    return Maker(organization.close, organization.journal, organization.account.user_id, organization.index_lag)


def make_fields(organization: Organization, missing: Mapping[str, str]) -> LeadFields:
    """The existing fields and the missing ones, which are created; `missing` has their types by name.

    Afterwards, the journal knows the field for import keys.
    """
    there, maker = organization.fields, maker_for(organization)
    made = {name: maker.make_field(name, kind) for name, kind in missing.items()}
    key_field = made.pop(IMPORT_KEY).id if IMPORT_KEY in made else there.import_key
    if key_field:
        organization.journal.note_key_field(key_field)
    return LeadFields({**there.by_name, **made}, key_field)
