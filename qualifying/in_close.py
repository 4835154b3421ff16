"""A round in Close: what it needs there, which leads it looks at, and what becomes of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from close.journal import JournalFile
from close.made_once import Maker
from close_client import CloseClient
from qualifying.person import Person
from qualifying.round import Round
from qualifying.statuses import WorkflowNames, find_workflow
from qualifying.write_back import Handled, WritingBack


@dataclass(frozen=True, slots=True)
class Begun:
    """How many leads or people a round in Close looks at, and what becomes of each, as results come in."""

    total: int
    handled: Iterator[Handled]


@dataclass(frozen=True, slots=True)
class QualifyingInClose:
    """How people are qualified in one Close account, round after round.

    With `is_creating`, missing statuses and the field with these `names` are created; `tell` hears of it, and of
    anything else that a person has to know. `note_lag` is the number of seconds after which a list is trusted to show a
    note that was sent. With `has_note_detail`, a note says what each check found.
    """

    close: CloseClient
    names: WorkflowNames
    is_creating: bool
    tell: Callable[[str], None]
    note_lag: float
    has_note_detail: bool

    def begin(self, journals: JournalFile, this_round: Round, people: Sequence[Person]) -> Begun:
        """Begin a round on the leads of these people or, without people, on all waiting leads."""
        writing_back = self._writing_back(journals, this_round)
        writing_back.remove_double_notes(self.tell)
        if people:
            return Begun(len(people), self._to_the_end(this_round.in_order(people, writing_back.qualify), writing_back))
        lead_ids = writing_back.waiting_leads()
        taken_up = this_round.in_order(lead_ids, writing_back.take_up)
        return Begun(len(lead_ids), self._to_the_end((lead for lead in taken_up if lead), writing_back))

    def _to_the_end(self, handled: Iterator[Handled], writing_back: WritingBack) -> Iterator[Handled]:
        """Yield what was handled and then, after the last lead, look for notes that arrived twice."""
        yield from handled
        writing_back.await_late_notes(self.tell)
        writing_back.remove_double_notes(self.tell)

    def _writing_back(self, journals: JournalFile, this_round: Round) -> WritingBack:
        account = self.close.account()
        account.refuse_without("view_all_leads", effect="so leads that it can't see would be left out")
        journal = journals.of(account.organization_id, account.organization_name)
        maker = Maker(self.close, journal, account.user_id, self.note_lag)
        if not this_round.remark:
            maker.remove_doubles(self.tell)
        workflow = find_workflow(self.close, self.names, account, maker, is_creating=self.is_creating)
        if workflow.created:
            self.tell(f"created in Close: {', '.join(workflow.created)}")
        return WritingBack(
            *(self.close, account, journal, workflow, this_round),
            note_lag=self.note_lag,
            has_note_detail=self.has_note_detail,
        )
