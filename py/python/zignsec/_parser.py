"""The arguments of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import NoReturn

import zignsec
from zignsec._commands import check, demo, get, start, verify_webhook, wait
from zignsec._exit import Exit
from zignsec._output import write, write_error
from zignsec._report import Report, printable
from zignsec._zignsec import (
    DEFAULT_LOCALE,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_WAIT_TIMEOUT,
    DEFAULT_WEBHOOK_TOLERANCE,
)

_EPILOG = """\
The API key is read from ZIGNSEC_API_KEY or from --api-key-file. The gateway, the CA certificates
and the proxy are taken from the environment, as for zignsec.Client().

exit codes:
  0    success; for get, wait and demo: the user is verified
  1    not enough memory, or a bug; see Python's traceback
  2    bad usage or a malformed argument; nothing was sent
  3    the session is final, and the user is not verified
  4    no result yet: the session is not final, or was not final before the timeout
       of wait
  5    the webhook signature is missing, malformed, wrong or outside the tolerance
  6    configuration error: no key, an unreadable file, sandbox not installed
  7    network error: no connection, untrusted certificate, timeout, or an invalid response
  8    authentication error: the API key is invalid or has no permission
  9    the gateway returned another error, such as session not found
  10   standard output cannot be written, for example because the disk is full
  130  interrupted by Ctrl-C
  141  the reader of standard output closed the pipe

With --json, standard output is one JSON object, with an error in its member "error". It is empty
after wrong usage (2) and with the exit codes 1, 10, 130 and 141.
"""


class _Parser(argparse.ArgumentParser):
    """Writes as the commands do: argparse itself ignores that standard output cannot be written."""

    def print_help(self, file: object = None) -> None:  # noqa: ARG002
        write(self.format_help())

    def error(self, message: str) -> NoReturn:
        write_error(f"{self.format_usage()}{self.prog}: error: {printable(message)}\n")
        self.exit(Exit.BAD_USAGE)


class _VersionOption(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        write(f"zignsec {zignsec.__version__}\n")
        parser.exit()


class _SecretOption(argparse.Action):
    """Rejects an option that would put a secret on the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(
            f"{self.option_strings[0]}: every user of this machine can read the command line; "
            f"{self.const}"
        )


def _reject_secret(parser: argparse.ArgumentParser, option: str, *, instead: str) -> None:
    parser.add_argument(
        option, action=_SecretOption, nargs="?", const=instead, help=argparse.SUPPRESS
    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}") from None


def _tolerance(text: str) -> float | None:
    return None if text == "none" else _seconds(text)


def _program() -> str:
    """The name by which this program was called."""
    name = PurePath(sys.argv[0]).name
    return "python -m zignsec" if name in ("__main__.py", "-m", "-c", "") else name


def parser() -> argparse.ArgumentParser:
    """Create the parser. The arguments that it returns contain the command as ``run``."""
    parser = _Parser(
        prog=_program(),
        description="Use ZignSec's phone two-factor authentication from the command line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An abbreviation could become ambiguous when a later version adds an option.
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action=_VersionOption,
        nargs=0,
        dest=argparse.SUPPRESS,
        help="print the version and exit",
    )

    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object")
    # With every command, and before it: argparse would print the secret.
    for either in (parser, common):
        _reject_secret(either, "--api-key", instead="set ZIGNSEC_API_KEY or use --api-key-file")
        _reject_secret(
            either, "--secret", instead="set ZIGNSEC_WEBHOOK_SECRET or use --secret-file"
        )
    account = _Parser(add_help=False, parents=[common])
    account.add_argument("--api-key-file", metavar="FILE", help="read the API key from this file")

    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        run: Callable[[argparse.Namespace], Report], summary: str, parent: _Parser
    ) -> _Parser:
        added = commands.add_parser(
            run.__name__.replace("_", "-"),
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            parents=[parent],
            allow_abbrev=False,
        )
        added.set_defaults(run=run)
        return added

    added = command(start, "start a session and print the URL for the user", account)
    added.add_argument(
        "phone_number", metavar="PHONE_NUMBER", help="in E.164 format, such as +46701740605"
    )
    added.add_argument(
        "--redirect-success",
        metavar="URL",
        required=True,
        help="the user is redirected to this URL after success",
    )
    added.add_argument(
        "--redirect-failure",
        metavar="URL",
        required=True,
        help="the user is redirected to this URL in all other cases",
    )
    added.add_argument(
        "--locale",
        default=DEFAULT_LOCALE,
        help="language of the hosted pages (default: %(default)s)",
    )
    added.add_argument("--relay-state", metavar="TEXT", help="text to store in the session")
    added.add_argument("--webhook", metavar="URL", help="URL for the webhooks of the session")

    lookup = _Parser(add_help=False, parents=[account])
    lookup.add_argument("session_id", metavar="SESSION_ID")
    lookup.add_argument(
        "--phone-number",
        metavar="NUMBER",
        help="the number that you stored for the user: is_verified and the exit code are for this "
        "number; without it, they do not say whose phone is verified",
    )
    command(get, "get the status of a session", lookup)
    added = command(wait, "wait until a session is final", lookup)
    added.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_WAIT_TIMEOUT,
        metavar="SECONDS",
        help="how long to wait (default: %(default)s)",
    )
    added.add_argument(
        "--poll-interval",
        type=_seconds,
        default=DEFAULT_POLL_INTERVAL,
        metavar="SECONDS",
        help="the time between two requests (default: %(default)s)",
    )

    added = command(verify_webhook, "verify the signature of a webhook and print it", common)
    added.add_argument(
        "body",
        metavar="FILE",
        nargs="?",
        default="-",
        help="the request body exactly as received; standard input if omitted or -",
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
        help="read the secret from this file instead of ZIGNSEC_WEBHOOK_SECRET",
    )
    added.add_argument(
        "--tolerance",
        type=_tolerance,
        default=DEFAULT_WEBHOOK_TOLERANCE,
        metavar="SECONDS",
        help="maximum difference between the time of the signature and now, or none for no limit "
        "(default: %(default)s)",
    )

    command(check, "test connectivity, TLS and the API key", account)

    added = command(demo, "run a complete phone verification against a local sandbox", common)
    added.add_argument(
        "--browser",
        action="store_true",
        help="open the hosted pages in a browser; you are the user",
    )
    return parser
