"""Uploads by tus: every way in which they may be cut, doubled, oversized or somebody else's."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from pipeline.web import incoming
from pipeline.web.incoming import Incoming, NoRoomError, Upload, on_disk
from tests.conftest import ROOT
from tests.proxy import Proxy
from tests.served import Served, served

pytest.importorskip("fastapi", reason="for the page: pip install 'candid[web]'")

TUS = {"tus-resumable": "1.0.0"}
SLICE = {**TUS, "content-type": "application/offset+octet-stream"}
MB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("page") / "space") as running:
        yield running


@pytest.fixture
def ada(server):
    with server.client("ada") as client:
        yield client
        for record in (server.folder / ".candid" / "uploads").glob("*.json"):  # each test has all places free
            client.delete(f"/uploads/{record.stem}", headers=TUS)


def told(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def begin(client, length: object, **more: str) -> httpx.Response:
    return client.post("/uploads", headers={**TUS, "upload-length": str(length), **more})


def begun(client, length: int, **more: str) -> str:
    answer = begin(client, length, **more)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def go_on(client, place: str, offset: object, data: object, **more: str) -> httpx.Response:
    return client.patch(place, headers={**SLICE, "upload-offset": str(offset), **more}, content=data)


def there(client, place: str) -> int:
    return int(client.head(place, headers=TUS).headers["upload-offset"])


def part(server: Served, place: str) -> Path:
    return server.folder / ".candid" / "uploads" / f"{place.rpartition('/')[2]}.part"


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


# --- the protocol -----------------------------------------------------------------------------------------------------


def test_what_the_server_can_do_is_told_to_everybody(server):
    answer = httpx.request("OPTIONS", f"{server.address}/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == str(4 << 30)
    assert answer.headers["tus-extension"] == "creation,termination"


def test_a_clip_in_three_slices_arrives_as_it_is(server, ada):
    data = noise(5 * MB + 7)
    place = begun(
        ada, len(data), **{"upload-metadata": told(filename="C:\\clips\\härbor <b>.mp4", recipe="x", slot="2")}
    )
    assert re.fullmatch(r"/uploads/[A-Za-z0-9_-]{22}", place), "relative: no Host header goes into it"
    for start, end in ((0, 1), (1, 3 * MB), (3 * MB, len(data))):
        assert there(ada, place) == start
        answer = go_on(ada, place, start, data[start:end])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(end))
    assert part(server, place).read_bytes() == data
    found = Incoming(part(server, place).parent).find(part(server, place).stem)
    assert found and (found.name, found.slot, found.person) == ("härbor <b>.mp4", 2, "ada")
    answer = ada.head(place, headers=TUS)
    assert answer.headers["upload-length"] == str(len(data)) and answer.headers["cache-control"] == "no-store"
    assert "filename" in answer.headers["upload-metadata"]


@pytest.mark.parametrize(
    ("length", "more", "status"),
    [
        ("-1", {}, 400),
        ("0", {}, 400),
        ("", {}, 400),
        ("1e3", {}, 400),
        ("٣", {}, 400),
        (str((4 << 30) + 1), {}, 413),
        ("9" * 30, {}, 400),
        ("10", {"tus-resumable": "0.2.2"}, 412),
        ("10", {"tus-resumable": ""}, 412),
        ("10", {"upload-defer-length": "1"}, 400),
        ("10", {"upload-metadata": "filename !!!"}, 400),
        ("10", {"upload-metadata": "filename /w=="}, 400),  # no UTF-8
        ("10", {"upload-metadata": "a YQ==,a YQ=="}, 400),
        ("10", {"upload-metadata": "a " + "A" * 5000}, 400),
    ],
)
def test_what_cannot_begin_is_refused(server, ada, length, more, status):
    answer = ada.post("/uploads", headers=[
        (name.encode(), value.encode()) for name, value in {**TUS, "upload-length": length, **more}.items()
    ])  # fmt: skip
    assert answer.status_code == status
    assert list((server.folder / ".candid" / "uploads").glob("*.part")) == []
    assert status != 412 or answer.headers["tus-version"] == "1.0.0"


def test_a_body_that_comes_with_the_beginning_is_not_taken(server, ada):
    place = ada.post("/uploads", headers={**SLICE, "upload-length": "10"}, content=b"x" * 1000).headers["location"]
    assert there(ada, place) == 0
    assert ada.post("/uploads", headers={**SLICE, "upload-length": "10"}, content=b"x" * MB).status_code == 413


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"upload-offset": "4"}, 409),
        ({"upload-offset": "6"}, 409),
        ({"upload-offset": "-5"}, 400),
        ({"upload-offset": ""}, 400),
        ({"content-type": "application/octet-stream"}, 415),
        ({"content-type": "application/offset+octet-stream; x=1"}, 415),
        ({"tus-resumable": "2.0.0"}, 412),
    ],
)
def test_a_slice_that_does_not_fit_is_refused_and_nothing_is_written(server, ada, more, status):
    place = begun(ada, 20)
    go_on(ada, place, 0, b"12345")
    assert ada.patch(place, headers={**SLICE, "upload-offset": "5", **more}, content=b"6").status_code == status
    assert part(server, place).read_bytes() == b"12345"


def test_more_than_was_announced_is_refused(server, ada):
    place = begun(ada, 10)
    assert go_on(ada, place, 0, b"x" * 11).status_code == 413
    assert there(ada, place) == 0
    assert go_on(ada, place, 0, iter([b"x" * 6, b"x" * 6])).status_code == 413  # no length told
    assert part(server, place).stat().st_size <= 10


def test_what_was_taken_back_is_gone(server, ada):
    place = begun(ada, 10)
    assert ada.delete(place, headers=TUS).status_code == 204
    assert ada.head(place, headers=TUS).status_code == 404
    assert not part(server, place).exists() and not part(server, place).with_suffix(".json").exists()


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_somebody_elses_upload_looks_like_none(server, ada):
    place = begun(ada, 10)
    with server.client("ben") as ben, server.client(coordinator=True) as coordinator:
        for other in (ben, coordinator):
            assert other.head(place, headers=TUS).status_code == 404
            assert go_on(other, place, 0, b"x").status_code == 404
            assert other.delete(place, headers=TUS).status_code == 404
    with server.client() as nobody:
        assert go_on(nobody, place, 0, b"x" * 10).status_code == 401
        assert begin(nobody, 10).status_code == 401
    assert part(server, place).read_bytes() == b""
    assert there(ada, place) == 0


def test_another_site_cannot_send_or_delete(server, ada):
    place = begun(ada, 10)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}):
        assert ada.delete(place, headers=TUS | headers).status_code == 403
        assert go_on(ada, place, 0, b"x", **headers).status_code == 403
    assert there(ada, place) == 0


def test_a_method_cannot_be_overridden(server, ada):
    place = begun(ada, 10)
    assert ada.get(place, headers={**TUS, "x-http-method-override": "DELETE"}).status_code == 405
    assert ada.post(place, headers={**TUS, "x-http-method-override": "PATCH"}).status_code == 405
    assert there(ada, place) == 0


def test_a_hosts_name_does_not_get_into_the_place(ada):
    place = begin(ada, 10, **{"x-forwarded-host": "evil.example"}).headers["location"]
    assert place.startswith("/uploads/")


@pytest.mark.parametrize(
    "id", ["%00", "..%2f..%2fweb.sqlite3", "../web", "A" * 22 + "%0a", "A" * 22, "é" * 22, "A" * 5000]
)
def test_an_id_that_is_none_is_not_found(server, ada, id):
    for method in ("HEAD", "PATCH", "DELETE"):
        assert ada.request(method, f"/uploads/{id}", headers={**SLICE, "upload-offset": "0"}).status_code == 404


def test_one_person_cannot_open_more_than_there_is_room_for(server):
    with server.client("ben") as ben:
        places = [begun(ben, 10) for _ in range(incoming.MOST_OPEN)]
        refused = begin(ben, 10)
        assert refused.status_code == 403 and "Hand them in" in refused.text
        for place in places:
            ben.delete(place, headers=TUS)
        assert begin(ben, 10).status_code == 201


def test_a_full_disk_is_told_before_anything_is_sent(tmp_path, monkeypatch):
    room = Incoming(tmp_path)
    free = shutil.disk_usage(tmp_path)._replace(free=5 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    room.create(Upload(person="ada", length=3 << 30))
    with pytest.raises(NoRoomError, match="no room"):  # what the first one will still need counts
        room.create(Upload(person="ben", length=2 << 30))
    room.create(Upload(person="ben", length=1 << 30))


def test_whoever_is_canceled_waits_for_the_disk(tmp_path):
    """uvicorn cancels what is still going on when the server ends."""
    path = tmp_path / "clip"

    def write() -> None:
        time.sleep(0.5)
        path.write_bytes(b"all")

    async def cancel() -> bool:
        writing = asyncio.create_task(on_disk(write))
        await asyncio.sleep(0.1)
        writing.cancel()
        await asyncio.wait([writing])
        return writing.cancelled()

    assert asyncio.run(cancel())
    assert path.read_bytes() == b"all"


def test_a_clip_that_was_deleted_while_a_form_sent_it_leaves_nothing(tmp_path):
    incoming = Incoming(tmp_path)
    sent = incoming.create(Upload(person="ada", length=1 << 20))
    with incoming.open(sent) as file:
        incoming.remove(sent)
        file.write(b"late")
    with pytest.raises(NoRoomError, match="deleted"):
        incoming.shorten(sent, 4)
    (tmp_path / f"{sent.id}.json").write_text(sent.model_dump_json())  # as an older version left it
    incoming.sweep()
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_went_on_with_for_a_week_is_removed(tmp_path):
    room = Incoming(tmp_path)
    old, new = (room.create(Upload(person="ada", length=10)) for _ in range(2))
    week_ago = time.time() - 8 * 86_400
    os.utime(room.path(old), (week_ago, week_ago))
    room.sweep()
    assert room.find(old.id) is None and room.find(new.id) == new
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{new.id}.json", f"{new.id}.part"])


# --- what breaks ------------------------------------------------------------------------------------------------------


def _raw(server: Served, place: str, length: int, data: bytes) -> socket.socket:
    """A connection that sends the beginning of a slice and then stays open, as a phone does that lost its network."""
    with server.client("ada") as client:
        cookie = client.cookies["candid"]
    half = socket.create_connection(("127.0.0.1", server.port))
    lines = [
        f"PATCH {place} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Origin: {server.address}",
        f"Cookie: candid={cookie}", "Tus-Resumable: 1.0.0", "Content-Type: application/offset+octet-stream",
        "Upload-Offset: 0", f"Content-Length: {length}", "", "",
    ]  # fmt: skip
    half.sendall("\r\n".join(lines).encode() + data)
    return half


def _until(holds, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_a_second_connection_goes_on_where_a_sleeping_one_stopped(server, ada):
    data = noise(3 * MB)
    place = begun(ada, len(data))
    with contextlib.closing(_raw(server, place, len(data), data[: MB + 5])):
        _until(lambda: part(server, place).stat().st_size >= MB)
        began = time.monotonic()
        offset = there(ada, place)
        assert time.monotonic() - began < 1, "the server does not stand still"
        assert offset == MB + 5, "the older one has written what it had"
        assert go_on(ada, place, offset, data[offset:]).status_code == 204
    assert part(server, place).read_bytes() == data


def test_two_that_send_the_same_at_once_leave_it_whole(server, ada):
    data = noise(8 * MB)
    place = begun(ada, len(data))

    def send(results):
        with server.client("ada") as client:
            for _ in range(50):
                offset = there(client, place)
                if offset == len(data):
                    return
                with contextlib.suppress(httpx.HTTPError):
                    results.append(go_on(client, place, offset, data[offset : offset + MB]).status_code)

    results: list[int] = []
    threads = [threading.Thread(target=send, args=(results,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert part(server, place).read_bytes() == data
    assert set(results) <= {204, 409}


def test_a_cut_connection_loses_nothing_that_arrived(server, ada):
    data = noise(6 * MB)
    place = begun(ada, len(data))
    with contextlib.closing(Proxy(server.port, rate=8 * MB)) as proxy:
        cuts = 0
        while (offset := there(ada, place)) < len(data):
            cut = threading.Timer(0.25, proxy.cut)
            cut.start()
            try:
                ada.patch(
                    f"http://127.0.0.1:{proxy.port}{place}",
                    content=data[offset:],
                    headers={**SLICE, "upload-offset": str(offset)},
                )
            except httpx.HTTPError:
                cuts += 1
            cut.cancel()
        assert cuts >= 2
        assert proxy.passed < 1.5 * len(data), "hardly anything was sent twice"
    assert part(server, place).read_bytes() == data


def test_killed_in_the_middle_of_a_slice_it_goes_on_and_is_the_same(tmp_path):
    data = noise(20 * MB)
    with served(tmp_path / "space") as server, server.client("ada") as ada:
        place = begun(ada, len(data))
        half = _raw(server, place, len(data), data[: 11 * MB])
        _until(lambda: part(server, place).stat().st_size >= 10 * MB)
        server.kill()
        half.close()
        server.start()
        offset = there(ada, place)
        assert 10 * MB <= offset < len(data)
        assert part(server, place).read_bytes() == data[:offset], "what is told to be there is there"
        assert go_on(ada, place, offset, data[offset:]).status_code == 204
        assert part(server, place).read_bytes() == data


# --- size -------------------------------------------------------------------------------------------------------------


def _peak(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("memory is measured in /proc")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.slow
def test_a_gigabyte_goes_through_at_flat_memory(tmp_path):
    length, block = 1 << 30, bytes(MB)
    with served(tmp_path / "space") as server, server.client("ada") as ada:
        small = begun(ada, MB)
        go_on(ada, small, 0, block)
        before = _peak(server.pid)
        place = begun(ada, length)
        answer = go_on(ada, place, 0, (block for _ in range(length // MB)), **{"content-length": str(length)})
        assert answer.status_code == 204
        grown = _peak(server.pid) - before
        assert part(server, place).stat().st_size == length
        ada.delete(place, headers=TUS)
    assert grown < 24 * MB, f"{grown / MB:.0f} MB"


# --- a client that others wrote ---------------------------------------------------------------------------------------

PEER = ROOT / "tests" / "peers"


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """The folder of tus-js-client, installed. Skips where that cannot be."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("needs Node and npm")
    folder = tmp_path_factory.mktemp("peer")
    for source in (*(PEER / "tus-client").glob("*.json"), PEER / "tus-client.mjs"):
        shutil.copyfile(source, folder / source.name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install tus-js-client: {done.stderr.strip()[-300:]}")
    return folder


def _peers_upload(peer: Path, address: str, ada, file: Path, chunk: int) -> subprocess.Popen[str]:
    headers = {"cookie": f"candid={ada.cookies['candid']}", "origin": str(ada.base_url).rstrip("/")}
    command = ["node", "tus-client.mjs", f"{address}/uploads", json.dumps(headers), str(file), str(chunk)]
    return subprocess.Popen(command, cwd=peer, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [0, 5 * MB])
def test_tus_js_client_sends_through_a_cut_and_a_kill(peer, tmp_path, chunk):
    file = tmp_path / "clip.mp4"
    file.write_bytes(noise(30 * MB))
    with (
        served(tmp_path / "space") as server,
        server.client("ada") as ada,
        contextlib.closing(Proxy(server.port, rate=10 * MB)) as proxy,
        _peers_upload(peer, f"http://127.0.0.1:{proxy.port}", ada, file, chunk) as sending,
    ):
        folder = server.folder / ".candid" / "uploads"
        arrived = lambda: sum(path.stat().st_size for path in folder.glob("*.part"))  # noqa: E731
        _until(lambda: arrived() > 4 * MB)
        proxy.cut()
        _until(lambda: arrived() > 14 * MB)
        server.kill()
        server.start()
        out, errors = sending.communicate(timeout=60)
        assert sending.returncode == 0, errors
        assert json.loads(out)["again"] >= 2
        (arrived_file,) = folder.glob("*.part")
        assert hashlib.sha256(arrived_file.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()
