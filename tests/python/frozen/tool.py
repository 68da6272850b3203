"""The command line of the library; with the argument ``--workers``, processes that use clients."""

import multiprocessing
import sys

import zignsec
from zignsec.__main__ import main


def look_up(session_id: str) -> zignsec.Session:
    with zignsec.Client() as client:
        return client.get_session(session_id)


def use_workers(session_id: str) -> None:
    # Sessions and errors are pickled.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(look_up, [session_id, session_id])
        print("session:", first == second, first.status, first.is_verified)
        try:
            pool.apply(look_up, ["no-such-session"])
        except zignsec.NotFoundError as error:
            print("error:", type(error).__name__, error.status_code)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    if sys.argv[1:2] == ["--workers"]:
        use_workers(sys.argv[2])
    else:
        sys.exit(main())
