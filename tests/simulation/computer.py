"""A computer of ours: its clocks, its locks and threads, its disk, and its end at any moment."""

import hashlib
import random
import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from typing import Any

from close.machine import Machine
from tests.simulation.disk import SimulatedDisk
from tests.simulation.scheduler import Scheduler, Task, Waiter
from tests.simulation.story import Story

SHORTEST = 1e-6  # seconds; a wait that is shorter is over
EPOCH = 1_790_000_000.0  # seconds since 1970; when all histories begin


class Crash(BaseException):
    """The computer has stopped in the middle of what it did: nothing that still runs on it has an effect."""


class Computer:
    """One computer. It dies at its `dies_at`th moment from now, be it by the end of the process or by a power cut."""

    def __init__(self, name: str, scheduler: Scheduler, draw: random.Random, disk: SimulatedDisk, story: Story) -> None:
        self.name, self.scheduler, self.draw, self.disk, self.story = name, scheduler, draw, disk, story
        self.is_dead = False
        self.moments = 0
        self.dies_at = 0
        self.loses_power = False
        self.ahead = 0.0  # seconds by which its clock on the wall is wrong
        self.tasks: list[Task] = []
        self.crashes = 0
        self.doing = ""  # the command that runs on it
        disk.moment = self.moment
        disk.clock = lambda: scheduler.now

    def wall(self) -> float:
        """Seconds since 1970 by its clock on the wall."""
        return EPOCH + self.scheduler.now + self.ahead

    def machine(self) -> Machine:
        """What a command gets from this computer."""
        return Machine(
            monotonic=self._monotonic,
            wall=self.wall,
            sleep=self.sleep,
            uniform=self.draw.uniform,
            token=lambda size: f"{self.draw.getrandbits(8 * size):0{2 * size}x}",
            lock=lambda: SimulatedLock(self),
            condition=lambda: SimulatedCondition(self),
            pool=lambda most: Pool(self, most),
            first_done=self.first_done,
            future=lambda: SimulatedFuture(self),
            stretched=lambda text, salt: hashlib.sha256(salt + b" " + text).digest(),
            disk=self.disk,
        )

    def _monotonic(self) -> float:
        return 1000.0 + self.scheduler.now

    # Life and death --------------------------------------------------------------------------------------------------

    def moment(self, what: str) -> None:
        """A moment at which the computer may die, and another task may go on."""
        self.check()
        self.moments += 1
        if self.moments == self.dies_at:
            self.die(what)
        self.scheduler.point()
        self.check()

    def check(self) -> None:
        """Raise Crash if the computer is dead."""
        if self.is_dead:
            raise Crash

    def die(self, what: str) -> None:
        """Stop everything; what the disk holds then is what it holds."""
        self.stop(what)
        raise Crash

    def stop(self, what: str) -> None:
        """The same, from outside."""
        self.is_dead = True
        self.crashes += 1
        self.story.tell(self.scheduler.now, self.name, "power cut" if self.loses_power else "killed", what)
        self.disk.freeze(self.draw, loses_power=self.loses_power)
        for task in self.tasks:
            self.scheduler.wake(task)

    def run(self, command: Callable[[], int]) -> int | None:
        """The exit code of a command; None if the computer died. Then it is started again.

        The process ends with its first thread; what others of it still do has no effect.
        """
        self.tasks = [self.scheduler.current]
        self.moments = 0
        try:
            code: int | None = command()
        except Crash:
            code = None
        has_crashed, self.is_dead = self.is_dead, True
        for task in self.tasks[1:]:
            self.scheduler.wake(task)
            self.scheduler.join(task)
        if has_crashed:
            code = None
            self.disk.restore()
        self.is_dead = False
        self.dies_at = 0
        return code

    # Time and turns --------------------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        self.check()
        self.scheduler.sleep(seconds)
        self.check()

    def park(self) -> None:
        """Wait until this task is woken."""
        self.check()
        self.scheduler.park()
        self.check()

    def spawn(self, work: Callable[[], None]) -> Task:
        """A thread on this computer."""
        self.check()
        task = self.scheduler.spawn(f"{self.name}.{len(self.tasks)}", work)
        self.tasks.append(task)
        return task

    def first_done(self, futures: Collection[Future[Any]]) -> list[Future[Any]]:
        """Those of the futures that are done, in their order, once there are any."""
        while not (done := [future for future in futures if future.done()]):
            for future in futures:
                assert isinstance(future, SimulatedFuture)
                future.waiting.append(self.scheduler.waiter())
            self.park()
        return done


class SimulatedLock:
    """A lock that passes the baton on instead of blocking."""

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self._is_held = False
        self._waiting: deque[Waiter] = deque()

    def acquire(self) -> bool:
        self._computer.check()
        self._computer.scheduler.point()
        self._computer.check()
        while self._is_held:
            self._waiting.append(self._computer.scheduler.waiter())
            self._computer.park()
        self._is_held = True
        return True

    def release(self) -> None:
        self._is_held = False
        if self._waiting:
            self._computer.scheduler.wake(*self._waiting.popleft())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class SimulatedCondition:
    """A condition with a lock that its holder may take several times over."""

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self._lock = SimulatedLock(computer)
        self._holder: Task | None = None
        self._depth = 0
        self._waiting: deque[Waiter] = deque()

    def acquire(self) -> bool:
        current = self._computer.scheduler.current
        if self._holder is not current:
            self._lock.acquire()
            self._holder = current
        self._depth += 1
        return True

    def release(self) -> None:
        if self._holder is not self._computer.scheduler.current:  # it died while it waited for the lock
            return
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        scheduler, depth = self._computer.scheduler, self._depth
        self._depth, self._holder = 0, None
        self._waiting.append(scheduler.waiter())
        if timeout is not None:
            scheduler.wake_later(timeout)
        self._lock.release()
        self._computer.park()
        self._lock.acquire()
        self._holder, self._depth = scheduler.current, depth
        return True

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        scheduler = self._computer.scheduler
        end = None if timeout is None else scheduler.now + timeout
        while not predicate():
            left = None if end is None else end - scheduler.now
            if left is not None and left <= SHORTEST:
                return False
            self.wait(left)
        return True

    def notify(self) -> None:
        while self._waiting and not self._computer.scheduler.wake(*self._waiting.popleft()):
            pass

    def notify_all(self) -> None:
        while self._waiting:
            self._computer.scheduler.wake(*self._waiting.popleft())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class SimulatedFuture(Future[Any]):
    """A future whose waiters pass the baton on."""

    def __init__(self, computer: Computer) -> None:
        super().__init__()
        self._computer = computer
        self.waiting: list[Waiter] = []

    def result(self, timeout: float | None = None) -> Any:
        self._await(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._await(timeout)
        return super().exception(0)

    def set_result(self, result: Any) -> None:
        super().set_result(result)
        self._wake_all()

    def set_exception(self, exception: BaseException | None) -> None:
        super().set_exception(exception)
        self._wake_all()

    def _wake_all(self) -> None:
        for waiter in self.waiting:
            self._computer.scheduler.wake(*waiter)

    def _await(self, timeout: float | None) -> None:
        scheduler = self._computer.scheduler
        end = None if timeout is None else scheduler.now + timeout
        while not self.done():
            left = None if end is None else end - scheduler.now
            if left is not None and left <= SHORTEST:
                return
            self.waiting.append(scheduler.waiter())
            if left is not None:
                scheduler.wake_later(left)
            self._computer.park()


class SimulatedEvent(threading.Event):
    """An event that passes the baton on instead of blocking."""

    def __init__(self, computer: Computer) -> None:
        super().__init__()
        self._computer = computer
        self._waiting: list[Waiter] = []

    def set(self) -> None:
        super().set()
        for waiter in self._waiting:
            self._computer.scheduler.wake(*waiter)

    def wait(self, timeout: float | None = None) -> bool:
        scheduler = self._computer.scheduler
        if not self.is_set():
            self._waiting.append(scheduler.waiter())
            if timeout is not None:
                scheduler.wake_later(timeout)
            self._computer.park()
        return self.is_set()


class Pool(Executor):
    """So many threads of a computer, which do jobs in the order in which they come."""

    def __init__(self, computer: Computer, most: int) -> None:
        self._computer, self._most = computer, most
        self._jobs: deque[tuple[SimulatedFuture, Callable[[], Any]]] = deque()
        self._workers: list[Task] = []
        self._running = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future = SimulatedFuture(self._computer)
        self._jobs.append((future, lambda: fn(*args, **more)))
        if self._running < self._most:
            self._running += 1
            self._workers.append(self._computer.spawn(self._work))
        return future

    def _work(self) -> None:
        while self._jobs:
            future, job = self._jobs.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                self._computer.check()
                result = job()
            except BaseException as error:  # as a real pool does
                future.set_exception(error)
            else:
                future.set_result(result)
        self._running -= 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for future, _ in self._jobs if cancel_futures else ():
            future.cancel()
        for worker in self._workers if wait and not self._computer.is_dead else ():
            self._computer.scheduler.join(worker)
