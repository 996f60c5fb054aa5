"""An export's runtimes asked the same, Keras first: what one of them waits for, another does meanwhile."""

import contextlib
import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from kerasapp.export.precisions import PRECISIONS
from kerasapp.verify import runtimes, verdict
from kerasapp.verify.comparison import compare_rows
from kerasapp.verify.questions import questions

SERVED = ("rest", "grpc")  # by one server


def ask_all(version, task, names, settings, progress):
    """The `Questions` for a version, and the `Measured` of each runtime: Keras is asked as much as its time
    allows, all others the same.

    Keras's process starts while the questions are made. Where several runtimes may be asked at once, the
    server does, too, and the other runtimes while Keras answers.

    Args: see `kerasapp.verify.checking.verify`; names: of the runtimes.
    """
    at_once, first = settings.at_once > 1, Future()
    early = at_once and any(name in SERVED for name in names)
    with (
        runtimes.Served(version) if early else contextlib.nullcontext() as server,
        ThreadPoolExecutor() as pool,
    ):
        asked = pool.submit(questions, version, task, settings)

        def given(name, items):
            return [item for item in items if runtimes.takes(name, item, task)], asked.result().specs

        job = "keras", version, lambda: given("keras", asked.result().items)
        keras = pool.submit(runtimes.run, *job, settings.seconds, settings.patience, first)

        def answers():
            """Keras's `Measured`, perhaps before it is known what is wrong with files."""
            wait([first, keras], return_when=FIRST_COMPLETED)
            return keras.result() if keras.done() else first.result()

        def known(name):
            items = asked.result().items
            return given(name, _known(items, answers().alone, given("keras", items)[0]))

        def ask(group):
            if group[0] not in SERVED:
                return [runtimes.run(*group, version, lambda: known(*group), None, settings.patience)]
            with contextlib.nullcontext(server) if server else runtimes.Served(version) as both:
                return [both.ask(name, *known(name)) for name in group]

        asked.result()
        progress("keras", 0.0)
        if not at_once:
            wait([keras])
        found = _ask_others(ask, names, settings, progress)
        found["keras"] = keras.result()
        found["keras"].faults += _stale(given("keras", asked.result().items)[0], answers().alone)
    return asked.result(), _moved({name: found[name] for name in names})


def _ask_others(ask, names, settings, progress):
    """The `Measured` of each runtime but Keras. ask: function (names of a group) -> a `Measured` of each."""
    found = {}
    served = [name for name in names if name in SERVED]
    alone = [name for name in names if name not in (*SERVED, "keras")]
    groups = ([served] if served else []) + [[name] for name in alone]  # what takes longest first
    with ThreadPoolExecutor(min(settings.at_once, os.cpu_count() or 1)) as pool:
        for group, answers in zip(groups, pool.map(ask, groups), strict=True):
            found |= zip(group, answers, strict=True)
            progress(group[-1], (1 + len(found)) / len(names))
    return found


def _known(items, answered, given):
    """The items that Keras has answered, and those that it is not asked."""
    unknown = set(map(id, given[len(answered) :]))
    return [item for item in items if id(item) not in unknown]


def _stale(items, alone):
    """Whether the bundle's test vectors are other answers than Keras's, in a list of one line or none."""
    stored = [(item, one, item.expected) for item, one in zip(items, alone) if item.origin == "bundle"]
    lines = verdict.differing(compare_rows([row for row in stored if row[2]]), "alone")
    return [f"tflite/vectors.json: these are not the answers of model.keras: {line}" for line in lines]


def _moved(found):
    """Gives what is wrong with files to the runtimes that read them, if any of them is asked."""
    served = [name for name in found if name in runtimes.EXACT and name != "keras"]
    for place, readers in (("tflite/", filter(runtimes.phone, found)), ("variables/", served)):
        readers, known = list(readers), found["keras"].faults
        faults = [fault for fault in known if fault.startswith(place)] if readers else []
        found["keras"].faults = [fault for fault in known if fault not in faults]
        for name in readers:
            others = [f"tflite/{other}.tflite" for other in PRECISIONS if not name.endswith(f"_{other}")]
            found[name].faults += [fault for fault in faults if not fault.startswith(tuple(others))]
    return found
