"""Runs one command: from its arguments to its output and exit code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from zignsec._errors import ZignSecError
from zignsec._exit import Exit
from zignsec._output import OutputError, open_missing_streams, write, write_error
from zignsec._parser import parser
from zignsec._report import Report, report_error, result_text


def run(arguments: Sequence[str] | None) -> int:
    """Run one command and return the exit code. Raises KeyboardInterrupt for Ctrl-C."""
    open_missing_streams()
    try:
        args = parser().parse_args(arguments)
        report: Report
        try:
            report = args.run(args)
        except ZignSecError as error:
            report = report_error(error, args)
        result, code = report
        write(result_text(result, as_json=args.json))
    except OutputError as error:
        if error.is_closed_pipe:
            return Exit.CLOSED_PIPE
        write_error(f"{error}\n")
        return Exit.OUTPUT
    except Exception:
        # Python would change the exit code if it cannot write to standard error.
        write_error(traceback.format_exc())
        return Exit.BUG
    return code
