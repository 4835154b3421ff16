"""Threads of which one runs at a time: which one is drawn from a seed. Time moves on when all of them wait."""

import heapq
import random
import threading
from collections.abc import Callable
from typing import ClassVar

MOST_STEPS = 200_000  # of one history; one that takes more goes round in circles


class Abandoned(BaseException):
    """The history is over before its tasks are; each of them ends."""


class Task:
    """One thread of a history, and the baton that it waits for."""

    __slots__ = ("baton", "is_done", "joiners", "name", "ticket")

    def __init__(self, name: str, baton: threading.Lock) -> None:
        self.name, self.baton = name, baton
        self.ticket = 0  # of its latest wait; whoever would wake it for an earlier one comes too late
        self.is_done = False
        self.joiners: list[Waiter] = []


Waiter = tuple[Task, int]  # and the ticket of its wait


class _Carrier(threading.Thread):
    """A thread of the operating system, which carries one task after the other."""

    free: ClassVar[list["_Carrier"]] = []

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.baton = threading.Lock()
        self.baton.acquire()
        self.work: Callable[[], Callable[[], None]] = lambda: lambda: None
        self.start()

    def run(self) -> None:
        while True:
            self.baton.acquire()
            pass_on = self.work()
            self.free.append(self)
            pass_on()


class Scheduler:
    """Runs the tasks of one history. At each `point`, another one may go on, with the probability `switching`."""

    def __init__(self, draw: random.Random, switching: float) -> None:
        self._draw, self._switching = draw, switching
        self.now = 0.0
        self.steps = 0
        self.ended_by: BaseException | None = None
        self._ready: list[Task] = []
        self._all = 0
        self._parked: dict[Task, None] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self._controller = threading.Lock()
        self._controller.acquire()
        self.current = Task("nobody", self._controller)

    # Tasks -----------------------------------------------------------------------------------------------------------

    def spawn(self, name: str, work: Callable[[], None]) -> Task:
        """A new task, which begins when its turn comes."""
        carrier = _Carrier.free.pop() if _Carrier.free else _Carrier()
        task = Task(name, carrier.baton)

        def carry() -> Callable[[], None]:
            try:
                if not self.ended_by:
                    work()
            except Abandoned:
                pass
            except BaseException as error:  # whatever it is, the history has to end, and to say so
                self.abandon(error)
            return self._end

        carrier.work = carry
        self._all += 1
        self._ready.append(task)
        return task

    def run(self) -> None:
        """Let all tasks run until none is left. Raises what ended them early."""
        if self._ready:
            self._hand_to(self._next())
            self._controller.acquire()
        if self.ended_by:
            raise self.ended_by

    def abandon(self, error: BaseException) -> None:
        """End all tasks, because of an error."""
        self.ended_by = self.ended_by or error

    def _end(self) -> None:
        task = self.current
        task.is_done = True
        self._all -= 1
        for joiner in task.joiners:
            self.wake(*joiner)
        if self._all:
            self._hand_to(self._next())
        else:
            self._controller.release()

    def _hand_to(self, task: Task) -> None:
        self.current = task
        task.baton.release()

    # Turns -----------------------------------------------------------------------------------------------------------

    def point(self) -> None:
        """Let another task have a turn, perhaps."""
        self._count()
        if self._ready and self._draw.random() < self._switching:
            self._ready.append(self.current)
            self._pass_on()

    def park(self) -> None:
        """Wait until somebody wakes this task."""
        self._count()
        self._parked[self.current] = None
        self._pass_on()

    def waiter(self) -> Waiter:
        """This task and the ticket of the wait that it is about to begin."""
        return self.current, self.current.ticket

    def wake(self, task: Task, ticket: int | None = None) -> bool:
        """Let a task that waits go on, unless that is another wait than the one with this ticket; whether it did."""
        if task not in self._parked or ticket not in (None, task.ticket):
            return False
        del self._parked[task]
        task.ticket += 1
        self._ready.append(task)
        return True

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        self.wake_later(seconds)
        self.park()

    def wake_later(self, seconds: float) -> None:
        """Let the wait that this task is about to begin end after some seconds at the latest."""
        waiter = self.waiter()

        def wake() -> None:
            self.wake(*waiter)

        self.at(seconds, wake)

    def join(self, task: Task) -> None:
        """Wait until a task has ended."""
        while not task.is_done:
            task.joiners.append(self.waiter())
            self.park()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after some seconds, in whatever thread; it must not wait."""
        self._numbers += 1
        heapq.heappush(self._timers, (self.now + max(0.0, seconds), self._numbers, act))

    def _pass_on(self) -> None:
        task = self.current
        following = self._next()
        if following is not task:
            self._hand_to(following)
            task.baton.acquire()
        if self.ended_by:
            raise Abandoned

    def _next(self) -> Task:
        """The task whose turn it is; if all wait, time moves on."""
        while not self._ready and not self.ended_by:
            if not self._timers:
                self.abandon(RuntimeError("all tasks wait for each other"))
                break
            self.now, _, act = heapq.heappop(self._timers)
            act()
        for task in list(self._parked) if self.ended_by else ():
            self.wake(task)
        if len(self._ready) == 1:
            return self._ready.pop()
        return self._ready.pop(int(self._draw.random() * len(self._ready)))

    def _count(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            self.abandon(RuntimeError("the history does not end"))
        if self.ended_by:
            raise Abandoned
