"""A round in Close: what it needs there, which leads it looks at, and what becomes of each."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from close.journal import JournalFile
from close.made_once import Maker
from close_client import CloseClient
from qualifying.back_off import BackOff
from qualifying.person import Person, is_whole_id
from qualifying.round import Round
from qualifying.statuses import Workflow, WorkflowNames, find_workflow
from qualifying.waiting import WaitingLead, waiting_leads
from qualifying.write_back import Handled, Options, WritingBack

SAID_OF_EVERYBODY = "nothing was written, because a service said the same of everybody in this round"


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a round is about to do: how many leads of an organization it may change.

    `waiting` is the name of the status in which leads wait, "" if people are named; `missing` names what will be
    created in Close.
    """

    organization: str
    leads: int
    waiting: str
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Begun:
    """How many leads or people a round in Close looks at, and what becomes of each, as results come in.

    `resting` counts the leads that wait but are tried later.
    """

    total: int
    handled: Iterator[Handled]
    resting: int = 0


@dataclass(frozen=True, slots=True)
class QualifyingInClose:
    """How people are qualified in one Close account, round after round.

    With `is_creating`, missing statuses and the field with these `names` are created. `agree` hears what is ahead
    before anything is written, and raises an error if it must not be done; `tell` hears of anything else that a person
    has to know. With a `back_off`, leads that stay undetermined are tried ever more rarely.
    """

    close: CloseClient
    names: WorkflowNames
    is_creating: bool
    agree: Callable[[Ahead], None]
    tell: Callable[[str], None]
    options: Options
    back_off: BackOff | None = None

    def begin(self, journals: JournalFile, this_round: Round, people: Sequence[Person]) -> Begun:
        """Begin a round on the leads of these people or, without people, on all waiting leads."""
        account = self.close.account()
        account.refuse_without("view_all_leads", effect="so leads that it can't see would be left out")
        journal = journals.of(account.organization_id, account.organization_name)
        workflow = find_workflow(self.close, self.names, account, journal, is_creating=self.is_creating)
        leads = [] if people else waiting_leads(self.close, journal, workflow)
        due = self.back_off.due(leads) if self.back_off else leads
        changed = len(set(people)) or sum(map(self._may_change, due))
        self.agree(Ahead(account.organization_name, changed, self.names.waiting, workflow.missing))
        this_round.begin()
        typed = {lead.typed for lead in due if is_whole_id(lead.typed)}
        this_round.evidence.expect(len({person.person_id for person in people} or typed))
        if not (this_round.remark or self.options.is_dry_run):
            workflow = self._made(workflow, Maker(self.close, journal, account.user_id, self.options.note_lag))
        writing_back = WritingBack(self.close, account, journal, workflow, this_round, self.options)
        writing_back.remove_double_notes(self.tell)
        handled = self._handled(this_round, writing_back, people, due)
        total, resting = len(people or due), len(leads) - len(due)
        return Begun(total, self._to_the_end(handled, this_round, writing_back), resting)

    def _may_change(self, lead: WaitingLead) -> bool:
        return bool(lead.typed) or lead.is_unfinished or self.options.notes_missing_id

    def _made(self, workflow: Workflow, maker: Maker) -> Workflow:
        """The workflow once Close has all of it, and nothing of ours twice."""
        maker.remove_doubles(self.tell)
        made = workflow.made(maker)
        if workflow.missing:
            self.tell(f"created in Close: {', '.join(workflow.missing)}")
        return made

    @staticmethod
    def _handled(
        this_round: Round, writing_back: WritingBack, people: Sequence[Person], due: Sequence[WaitingLead]
    ) -> Iterator[Handled]:
        """What becomes of each person's lead or, without people, of each lead that is due and still waits."""
        if people:
            yield from this_round.in_order(people, writing_back.qualify, turn=this_round.tries)
            return
        for lead in this_round.in_order([lead.lead_id for lead in due], writing_back.take_up):
            if lead:
                yield lead

    def _to_the_end(
        self, handled: Iterator[Handled], this_round: Round, writing_back: WritingBack
    ) -> Iterator[Handled]:
        """Yield what was handled and then, after the last lead, look for notes that arrived twice."""
        for lead in _once_out_of_doubt(handled, this_round):
            is_open = lead.kind in ("undetermined", "withheld")
            if self.back_off and is_open and lead.verdict and lead.verdict.was_asked:
                self.back_off.note_undetermined(lead.lead_id)
            yield lead
        writing_back.await_late_notes(self.tell)
        writing_back.remove_double_notes(self.tell)


def _once_out_of_doubt(handled: Iterator[Handled], this_round: Round) -> Iterator[Handled]:
    """Yield what was handled, in order, after writing what had to wait until a service told one person from another.

    What a service said of everybody is not written. After an error nothing more is written, and it is raised last.
    """
    kept: deque[Handled] = deque()
    errors: list[Exception] = []

    def settled(lead: Handled) -> Handled:
        if not lead.write or errors or this_round.is_ended():
            return lead
        if lead.verdict and this_round.evidence.is_withheld(lead.verdict):
            return replace(lead, reason=SAID_OF_EVERYBODY)
        try:
            return lead.write()
        except Exception as error:  # it is raised once the results so far are yielded
            errors.append(error)
            return lead

    try:
        for lead in handled:
            kept.append(lead)
            while kept and not (kept[0].write and kept[0].verdict and this_round.evidence.is_doubtful(kept[0].verdict)):
                yield settled(kept.popleft())
    except Exception as error:  # leads that were kept back are still yielded before it is raised
        errors.append(error)
    yield from map(settled, kept)
    if errors:
        raise errors[0]
