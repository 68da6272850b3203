"""The command line: ``python -m zignsec --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import zignsec
from zignsec._commands import (
    Exit,
    Report,
    check,
    demo,
    failed,
    get,
    start,
    verify_webhook,
    wait,
)

_AFTER = """\
The API key is read from ZIGNSEC_API_KEY or the file of --api-key-file. The gateway, the
certificates to trust and the proxy come from the environment, as they do for zignsec.Client().

exit codes:
  0    done; of get, wait and demo: the user is verified
  1    a bug: Python's traceback tells more
  2    bad usage or a malformed argument; nothing was sent
  3    the session has ended, and the user is not verified
  4    no verdict: the session has not ended, or not within the time of wait
  5    the webhook's signature is missing, malformed, wrong or stale
  6    configuration: no key, an unreadable file, no sandbox
  7    network: the gateway was not reached or not trusted, a time limit ran out, or what came is
       not the gateway's
  8    authentication: the gateway does not know the key, or the key may not do this
  9    the gateway answered with another error, such as that of an unknown session
  130  Ctrl-C

With --json standard output is one JSON object: the result, or {"error": ...}.
"""


class _Refused(argparse.Action):
    """An option for a secret: those do not belong on a command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(
            f"{self.option_strings[0]}: every user of this machine can see a command line; "
            f"{self.const}"
        )


def _tolerance(text: str) -> float | None:
    return None if text == "none" else float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zignsec",
        description="ZignSec's phone two-factor check from the command line.",
        epilog=_AFTER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An abbreviation could be that of another option in a later version.
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"zignsec {zignsec.__version__}")

    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--json", action="store_true", help="print one JSON object")
    account = argparse.ArgumentParser(add_help=False, parents=[every])
    account.add_argument("--api-key-file", metavar="FILE", help="a file that holds the API key")
    account.add_argument(
        "--api-key",
        action=_Refused,
        nargs="?",
        const="set ZIGNSEC_API_KEY or name an --api-key-file",
        help=argparse.SUPPRESS,
    )

    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        run: Callable[[argparse.Namespace], Report], what: str, parent: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            run.__name__.replace("_", "-"),
            help=what,
            description=f"{what[0].upper()}{what[1:]}.",
            parents=[parent],
            allow_abbrev=False,
        )
        added.set_defaults(run=run)
        return added

    added = command(start, "open a session and print where to send the user", account)
    added.add_argument("phone_number", metavar="PHONE_NUMBER", help="such as +46701740605")
    added.add_argument("--redirect-success", metavar="URL", required=True)
    added.add_argument("--redirect-failure", metavar="URL", required=True)
    added.add_argument("--locale", default="En", help="the language of the user's page")
    added.add_argument("--relay-state", metavar="TEXT", help="text that the session carries")
    added.add_argument("--webhook", metavar="URL", help="where the gateway reports changes")

    added = command(get, "ask how a session stands", account)
    added.add_argument("session_id", metavar="SESSION_ID")

    added = command(wait, "wait until a session has ended", account)
    added.add_argument("session_id", metavar="SESSION_ID")
    added.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS")
    added.add_argument("--poll-interval", type=float, default=2.0, metavar="SECONDS")

    added = command(verify_webhook, "check the signature of a webhook and read it", every)
    added.add_argument(
        "body",
        metavar="FILE",
        nargs="?",
        default="-",
        help="the body, byte for byte as it arrived; standard input where it is left out or -",
    )
    added.add_argument(
        "--signature",
        required=True,
        metavar="HEADER",
        help="the value of the header X-ZignSec-Hmac-SHA256",
    )
    added.add_argument(
        "--secret-file",
        metavar="FILE",
        help="a file that holds the secret; else it is read from ZIGNSEC_WEBHOOK_SECRET",
    )
    added.add_argument(
        "--secret",
        action=_Refused,
        nargs="?",
        const="set ZIGNSEC_WEBHOOK_SECRET or name a --secret-file",
        help=argparse.SUPPRESS,
    )
    added.add_argument(
        "--tolerance",
        type=_tolerance,
        default=300.0,
        metavar="SECONDS",
        help="how old the signature may be; none: of any age",
    )

    command(check, "tell whether the gateway is reached and trusted and takes the key", account)

    added = command(demo, "run a whole check against a sandbox", every)
    added.add_argument("--browser", action="store_true", help="you are the user, in a browser")
    return parser


def _print(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        # What the gateway wrote is for programs, and an error is told already.
        if name in ("data", "error"):
            continue
        text = _text(value)
        # What comes from elsewhere must not steer the terminal.
        print(f"{name:<13} {text if text.isprintable() else ascii(text)}")


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and tells the exit code."""
    order = _parser().parse_args(arguments)
    try:
        try:
            run: Callable[[argparse.Namespace], Report] = order.run
            result, code = run(order)
        except zignsec.ZignSecError as error:
            result, code = failed(error)
        _print(result, as_json=order.json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = Exit.INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
