"""A stand-in for Close and for the check services, on this machine, for rehearsals and for tests.

    with Sandbox(rate=20, faults=[Fault.parse("drop-after=0.1")]) as sandbox:
        requests.get(sandbox.close_url + "/me/", auth=("any key", ""))

It refuses what Close refuses and invents nothing that Close does not document. Nothing in it leaves this machine.
GET /sandbox/report says what it saw. `sandbox.checks` describes the answers of the check services.
"""

from sandbox.disk import StateFileBusy, StateFileError
from sandbox.faults import FAULTS, Fault
from sandbox.server import Sandbox

__all__ = ["FAULTS", "Fault", "Sandbox", "StateFileBusy", "StateFileError"]
