"""Measures an HTTP client for Python: clients.py CLIENT URL CA_FILE calls get|post WARM_UP COUNT

The measurement and its output are the same as in src/measure.rs. A client is imported only if it is
the one to measure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

KEY = "bench-key"
USER_AGENT = "zignsec/0.1.0"
START_PATH = "/core/api/sessions/two_factor_auth/phone"
SESSION_PATH = "/core/api/sessions/"
ID = "55c20771-9d75-4241-8e0f-94d3a37671ca"
STARTED_ID = "b653e2c9-0138-434e-99c9-c9333cfb1129"
PHONE_NUMBER = "+46703339954"
SUCCESS = "https://my_success_url.com"
FAILURE = "https://my_failure_url.com"
RELAY_STATE = "Tulasi_V5_SMS"
WEBHOOK = "https://webhook.site/zignsec"
START = {
    "locale": "En",
    "metadata": {"phone_number": PHONE_NUMBER},
    "redirect_failure": FAILURE,
    "redirect_success": SUCCESS,
    "relay_state": RELAY_STATE,
    "webhook": WEBHOOK,
}
GET_HEADERS = {"accept": "application/json", "authorization": KEY, "user-agent": USER_AGENT}
POST_HEADERS = {**GET_HEADERS, "content-type": "application/json"}


class Client(Protocol):
    """Raises an exception if a response is not the expected one."""

    def __init__(self, url: str, ca_file: str) -> None: ...
    def get(self) -> Any: ...
    def post(self) -> Any: ...


def expect(is_true: bool, what: object) -> None:
    if not is_true:
        raise AssertionError(what)


def check_started(id: str, status: str, redirect_url: str | None) -> None:
    expect((id, status) == (STARTED_ID, "pending"), (id, status))
    expect(redirect_url is not None and redirect_url.endswith(STARTED_ID), redirect_url)


def check_looked_up(id: str, status: str, phone_number: str | None) -> None:
    seen = (id, status, phone_number)
    expect(seen == (ID, "accepted", PHONE_NUMBER), seen)


class OverHttp:
    """The work of a program that uses a plain HTTP client: write JSON, read JSON, check."""

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        """Returns the status and the body."""
        raise NotImplementedError

    def __init__(self) -> None:
        import json

        self.dumps, self.loads = json.dumps, json.loads

    def get(self) -> None:
        status, body = self.send("GET", SESSION_PATH + ID, GET_HEADERS, None)
        self.looked_up(status, body)

    def post(self) -> None:
        body = self.dumps(START).encode()
        self.started(*self.send("POST", START_PATH, POST_HEADERS, body))

    def looked_up(self, status: int, body: bytes) -> None:
        expect(status == 200, status)
        data = self.loads(body)["data"]
        check_looked_up(data["id"], data["status"], data["phone_number"])

    def started(self, status: int, body: bytes) -> None:
        expect(status == 200, status)
        data = self.loads(body)["data"]
        check_started(data["id"], data["status"], data["redirect_url"])


class Zignsec:
    def __init__(self, url: str, ca_file: str) -> None:
        import zignsec

        self.client = zignsec.Client(
            KEY, base_url=url, ca_file=ca_file if url.startswith("https") else None
        )

    def get(self) -> None:
        session = self.client.get_session(ID)
        check_looked_up(session.id, session.status_text, session.phone_number)

    def post(self) -> None:
        session = self.client.start_phone_2fa(
            PHONE_NUMBER,
            redirect_success=SUCCESS,
            redirect_failure=FAILURE,
            relay_state=RELAY_STATE,
            webhook=WEBHOOK,
        )
        check_started(session.id, session.status_text, session.redirect_url)


class Pycurl(OverHttp):
    def __init__(self, url: str, ca_file: str) -> None:
        import pycurl  # type: ignore[import-untyped,unused-ignore]

        super().__init__()
        self.url = url
        self.curl = curl = pycurl.Curl()
        self.names = pycurl
        curl.setopt(pycurl.CAINFO, ca_file)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, 5000)
        curl.setopt(pycurl.TIMEOUT_MS, 30000)
        curl.setopt(pycurl.NOSIGNAL, 1)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        curl, names = self.curl, self.names
        curl.setopt(names.URL, self.url + path)
        curl.setopt(names.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
        if method == "GET":
            curl.setopt(names.HTTPGET, 1)
        else:
            curl.setopt(names.POSTFIELDS, body)
        response = curl.perform_rb()
        return curl.getinfo(names.RESPONSE_CODE), response


class HttpClient(OverHttp):
    def __init__(self, url: str, ca_file: str) -> None:
        import http.client

        super().__init__()
        scheme, _, address = url.partition("://")
        if scheme == "https":
            import ssl

            context = ssl.create_default_context(cafile=ca_file)
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                address, timeout=30, context=context
            )
        else:
            self.connection = http.client.HTTPConnection(address, timeout=30)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.read()


class Urllib3(OverHttp):
    def __init__(self, url: str, ca_file: str) -> None:
        import urllib3

        super().__init__()
        self.url = url
        self.pool = urllib3.PoolManager(ca_certs=ca_file, timeout=30)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        response = self.pool.request(method, self.url + path, headers=headers, body=body)
        return response.status, response.data


class Requests(OverHttp):
    def __init__(self, url: str, ca_file: str) -> None:
        import requests

        super().__init__()
        self.url = url
        self.session = requests.Session()
        self.session.verify = ca_file

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        response = self.session.request(
            method, self.url + path, headers=headers, data=body, timeout=30
        )
        return response.status_code, response.content


class Httpx(OverHttp):
    def __init__(self, url: str, ca_file: str) -> None:
        import ssl

        import httpx

        super().__init__()
        context = ssl.create_default_context(cafile=ca_file)
        self.client = httpx.Client(base_url=url, verify=context, timeout=30)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        response = self.client.request(method, path, headers=headers, content=body)
        return response.status_code, response.content


class Aiohttp(OverHttp):
    """Its calls are awaited one after the other."""

    def __init__(self, url: str, ca_file: str) -> None:
        import ssl

        import aiohttp

        super().__init__()
        self.url = url
        self.context: Any = ssl.create_default_context(cafile=ca_file)
        self.aiohttp = aiohttp
        self.session: Any = None

    async def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> Any:
        if self.session is None:
            timeout = self.aiohttp.ClientTimeout(total=30)
            connector = self.aiohttp.TCPConnector(ssl=self.context)
            self.session = self.aiohttp.ClientSession(connector=connector, timeout=timeout)
        async with self.session.request(
            method, self.url + path, headers=headers, data=body
        ) as response:
            return response.status, await response.read()

    async def get(self) -> None:  # type: ignore[override]
        status, body = await self.request("GET", SESSION_PATH + ID, GET_HEADERS, None)
        self.looked_up(status, body)

    async def post(self) -> None:  # type: ignore[override]
        body = self.dumps(START).encode()
        self.started(*await self.request("POST", START_PATH, POST_HEADERS, body))

    async def close(self) -> None:
        await self.session.close()


CLIENTS: dict[str, Callable[[str, str], Any]] = {
    "zignsec": Zignsec,
    "pycurl": Pycurl,
    "http.client": HttpClient,
    "urllib3": Urllib3,
    "aiohttp": Aiohttp,
    "httpx": Httpx,
    "requests": Requests,
}


def measure(call: Callable[[], object], warm_up: int, count: int) -> str:
    for _ in range(warm_up):
        call()
    times = []
    cpu = time.process_time_ns()
    for _ in range(count):
        started = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - started)
    return results(times, time.process_time_ns() - cpu)


async def measure_async(call: Callable[[], Awaitable[object]], warm_up: int, count: int) -> str:
    for _ in range(warm_up):
        await call()
    times = []
    cpu = time.process_time_ns()
    for _ in range(count):
        started = time.perf_counter_ns()
        await call()
        times.append(time.perf_counter_ns() - started)
    return results(times, time.process_time_ns() - cpu)


def results(times: list[int], cpu: int) -> str:
    if not times:
        return f'{{"peak_kib": {peak_kib()}}}'
    times.sort()
    return f'{{"wall_ns": {times[len(times) // 2]}, "cpu_ns": {cpu // len(times)}}}'


def peak_kib() -> int:
    # Without an import, because imports count in the measurement.
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def main() -> None:
    name, url, ca_file, measurement, method, warm_up, count = sys.argv[1:]
    expect(measurement == "calls", measurement)
    client = CLIENTS[name](url, ca_file)
    call = client.get if method == "get" else client.post
    if name != "aiohttp":
        print(measure(call, int(warm_up), int(count)))
        return

    import asyncio

    async def main_async() -> None:
        print(await measure_async(call, int(warm_up), int(count)))
        await client.close()

    asyncio.run(main_async())


if __name__ == "__main__":
    main()
