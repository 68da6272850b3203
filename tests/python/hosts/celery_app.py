"""A Celery application; its only client is created and used in the parent of the workers."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from wsgi_app import respond

FOLDER = Path(os.environ["TEST_FOLDER"])
# Not an import statement: Celery has no type annotations.
app: Any = import_module("celery").Celery("hosts")
app.conf.update(
    # A broker and a result backend that need no server.
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": FOLDER / "queue",
        "data_folder_out": FOLDER / "queue",
        "control_folder": FOLDER / "control",
        "polling_interval": 0.1,
    },
    result_backend=f"file://{FOLDER / 'results'}",
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=20,
)


@app.task  # type: ignore[untyped-decorator]
def call(action: str, argument: str) -> dict[str, Any]:
    return {"pid": os.getpid(), **respond(action, argument)}
