"""The command line: ``python -m zignsec --help`` or ``zignsec --help``."""

import os
import sys

# Same as typing.TYPE_CHECKING; importing typing is slow.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run one command and return the exit code."""
    try:
        # Imported here, so that Ctrl-C during the import ends the program without a traceback too.
        from zignsec._command_line import run

        return run(arguments)
    except KeyboardInterrupt:
        try:  # noqa: SIM105 (an import could be interrupted again)
            os.write(2, b"interrupted\n")
        except OSError:
            pass
        return 130


if __name__ == "__main__":
    sys.exit(main())
