"""A stand-in for the Hub: what the real client calls to make, fill, list and read a dataset repository.

`Hub` serves on a free port of this machine and keeps everything in memory. It holds what the Hub promises: an object
has the hash it was announced with, a commit refers to objects that have arrived, a private repository is there for
nobody without the token. `log` tells which requests came; `fault` makes any of them fail.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .hub_xet import Pieces

TOKEN = "hf_stand_in"
DROP = 0
"""A fault of this status ends the connection without an answer."""
_LFS = (".parquet", ".arrow", ".bin", ".npy", ".gz", ".png")
_DATE = "2020-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class File:
    """A committed file; `sha256` names the object of a large one, and is empty for a small one."""

    content: bytes
    sha256: str = ""

    @property
    def blob(self) -> str:
        """Git's name of the content."""
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @property
    def etag(self) -> str:
        """What a cache knows the content by."""
        return self.sha256 or self.blob


@dataclass
class Repo:
    """A repository: its commits, each a whole tree."""

    private: bool
    commits: list[tuple[str, dict[str, File]]] = field(default_factory=list)

    def commit(self, files: dict[str, File]) -> str:
        """Add a commit; return its hash."""
        parts = [f"{len(self.commits)}", *(f"{path} {file.etag}" for path, file in sorted(files.items()))]
        sha = hashlib.sha1("\n".join(parts).encode()).hexdigest()
        self.commits.append((sha, files))
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, File]] | None:
        """The commit of a revision: main, or a hash."""
        if revision == "main":
            return self.commits[-1]
        return next((commit for commit in self.commits if commit[0] == revision), None)


class Answer(Exception):
    """Ends the handling of a request with a status, a body and headers."""

    def __init__(self, status: int, body: Any = b"", **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def missing(what: str, status: int = 404) -> Answer:
    """The Hub's way to say that a repository, a revision or an entry is not there."""
    return Answer(status, {"error": f"{what} not found"}, X_Error_Code=f"{what}NotFound")


class Hub(ThreadingHTTPServer):
    """The server and what it holds."""

    daemon_threads = True

    def __init__(self, page: int = 1000) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        # Another host in name: the client must not take its token along to where large files lie.
        self.storage = f"http://localhost:{self.server_address[1]}"
        self.page = page  # entries of a tree in one answer
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.pieces = Pieces()
        self.log: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], int | None] = lambda method, path: None
        self.lock = threading.RLock()

    def files(self, repo: str) -> dict[str, bytes]:
        """Content of the last commit."""
        return {path: file.content for path, file in self.repos[repo].commits[-1][1].items()}

    def count(self, method: str, start: str) -> int:
        """How many requests came whose path begins so."""
        return sum(verb == method and path.startswith(start) for verb, path in self.log)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no event."""


@contextmanager
def serving(page: int = 1000) -> Iterator[Hub]:
    """Serve while the block runs."""
    hub = Hub(page)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: a second one would wait for the first to be acknowledged
    server: Hub

    def log_message(self, *args: Any) -> None:
        """Say nothing on the terminal."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _serve(self) -> None:
        url = urlsplit(self.path)
        content = self._body()
        fault = self.server.fault(self.command, url.path)
        self.server.log.append((self.command, url.path))
        if fault == DROP:
            self.close_connection = True
            return
        try:
            if fault is not None:
                raise Answer(fault, {"error": "out of order"})
            for methods, pattern, handle in ROUTES:
                match = re.fullmatch(pattern, url.path)
                if match and self.command in methods.split():
                    query = {name: values[0] for name, values in parse_qs(url.query).items()}
                    with self.server.lock:
                        handle(self, content, query, **{k: unquote(v or "") for k, v in match.groupdict().items()})
            raise Answer(404, {"error": f"no such route: {self.command} {url.path}"})
        except Answer as answer:
            self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = _serve

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {"Content-Length": str(len(answer.body)), "Content-Type": "application/json"} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def known(self) -> bool:
        """Does the request carry the token?"""
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repo(self, name: str, write: bool = False) -> Repo:
        """The repository, if it is there for this client."""
        repo = self.server.repos.get(name)
        if write and not self.known():
            raise Answer(401, {"error": "Invalid username or password."})
        if repo is None or (repo.private and not self.known()):
            raise missing("Repo", 404 if self.known() else 401)
        return repo

    def tree(self, name: str, revision: str) -> tuple[str, dict[str, File]]:
        """The commit of a revision."""
        found = self.repo(name).at(revision)
        if found is None:
            raise missing("Revision")
        return found


Query = dict[str, str]


def create(self: Handler, body: bytes, query: Query) -> None:
    """POST /api/repos/create."""
    asked = json.loads(body)
    if not self.known():
        raise Answer(401, {"error": "Invalid username or password."})
    name = f"{asked['organization']}/{asked['name']}"
    answer = {"url": f"{self.server.url}/datasets/{name}", "name": name}
    if name in self.server.repos:
        raise Answer(409, answer | {"error": "You already created this dataset repo"})
    repo = Repo(private=asked.get("visibility") == "private")
    repo.commit({".gitattributes": File(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")})
    self.server.repos[name] = repo
    raise Answer(200, answer)


def validate_yaml(self: Handler, body: bytes, query: Query) -> None:
    """POST /api/validate-yaml: a block that can be read, with the keys that a dataset's card may have."""
    yaml: Any = importlib.import_module("yaml")
    content = json.loads(body)["content"]
    block = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    try:
        values = yaml.safe_load(block[1]) if block else None
    except yaml.YAMLError as error:
        raise Answer(400, {"errors": [{"message": str(error)}], "warnings": []}) from error
    if not isinstance(values, dict):
        raise Answer(200, {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    errors = [{"message": flaw} for flaw in card_flaws(values)]
    raise Answer(400 if errors else 200, {"errors": errors, "warnings": []})


def card_flaws(values: dict[str, Any]) -> list[str]:
    """What the Hub's documentation of the card's block does not allow."""
    flaws = []
    known = {"language", "license", "pretty_name", "tags", "task_categories", "size_categories", "configs"}
    flaws += [f'"{key}" is not allowed' for key in values if key not in known]
    for key in ("language", "tags", "task_categories", "size_categories"):
        listed = values.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(item, str) and len(item) <= 255 for item in listed):
            flaws.append(f'"{key}" must be a list of strings')
    for key in ("license", "pretty_name"):
        if not isinstance(values.get(key, ""), str):
            flaws.append(f'"{key}" must be a string')
    if any(
        not re.fullmatch(r"n<1K|(1|10|100)[KMB]<n<(1|10|100)[KMBT]|n>1T", size) for size in values["size_categories"]
    ):
        flaws.append('"size_categories" must be one of the known sizes')
    for config in values.get("configs", []):
        files = config.get("data_files")
        if not isinstance(config.get("config_name"), str) or not isinstance(files, list):
            flaws.append('a config needs "config_name" and "data_files"')
        elif not all(set(entry) == {"split", "path"} for entry in files):
            flaws.append('"data_files" must name split and path')
    return flaws


def preupload(self: Handler, body: bytes, query: Query, name: str, revision: str) -> None:
    """POST preupload: which files are large, and what is already there."""
    self.repo(name, write=True)
    _, files = self.tree(name, revision)
    answers = []
    for asked in json.loads(body)["files"]:
        path = asked["path"]
        answer = {"path": path, "uploadMode": "lfs" if path.endswith(_LFS) else "regular", "shouldIgnore": False}
        if path in files:
            answer["oid"] = files[path].etag
        answers.append(answer)
    raise Answer(200, {"files": answers})


def lfs_batch(self: Handler, body: bytes, query: Query, name: str) -> None:
    """POST the LFS batch: an object that has arrived gets no action."""
    self.repo(name, write=True)
    answers = []
    for asked in json.loads(body)["objects"]:
        answer = dict(asked)
        if asked["oid"] not in self.server.objects:
            answer["actions"] = {"upload": {"href": f"{self.server.storage}/objects/{asked['oid']}"}}
        answers.append(answer)
    raise Answer(200, {"transfer": "basic", "objects": answers})


def put_object(self: Handler, body: bytes, query: Query, sha256: str) -> None:
    """PUT an object; its content must have the hash it is named by."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise Answer(400, {"error": "the content has another hash"})
    self.server.objects[sha256] = body
    raise Answer(200)


def xet_token(self: Handler, body: bytes, query: Query, name: str, revision: str) -> None:
    """GET the token with which pieces are sent, and where to."""
    self.repo(name, write=True)
    raise Answer(200, {"casUrl": self.server.url, "accessToken": "pieces", "exp": 2**40})


def put_xorb(self: Handler, body: bytes, query: Query, xorb: str) -> None:
    """POST a xorb."""
    self.server.pieces.take(xorb, body)
    raise Answer(200, {"was_inserted": True})


def put_shard(self: Handler, body: bytes, query: Query) -> None:
    """POST a shard: the files that it lists are objects from now on."""
    for content in self.server.pieces.files(body):
        self.server.objects[hashlib.sha256(content).hexdigest()] = content
    raise Answer(200, {"result": 1})


def get_object(self: Handler, body: bytes, query: Query, sha256: str) -> None:
    """GET an object."""
    if sha256 not in self.server.objects:
        raise Answer(404)
    send_content(self, self.server.objects[sha256])


def commit(self: Handler, body: bytes, query: Query, name: str, revision: str) -> None:
    """POST a commit: lines of a header, small files, large ones by their object, deletions."""
    repo = self.repo(name, write=True)
    files = dict(self.tree(name, revision)[1])
    for line in body.splitlines():
        value = json.loads(line)["value"]
        match json.loads(line)["key"]:
            case "file":
                files[value["path"]] = File(base64.b64decode(value["content"]))
            case "lfsFile":
                if value["oid"] not in self.server.objects:
                    raise Answer(400, {"error": f"the object of {value['path']} has not arrived"})
                files[value["path"]] = File(self.server.objects[value["oid"]], value["oid"])
            case "deletedFile":
                del files[value["path"]]
    sha = repo.commit(files)
    raise Answer(
        200, {"success": True, "commitOid": sha, "commitUrl": f"{self.server.url}/datasets/{name}/commit/{sha}"}
    )


def info(self: Handler, body: bytes, query: Query, name: str, revision: str = "main") -> None:
    """GET what is known of a repository."""
    sha, files = self.tree(name, revision or "main")
    siblings = [{"rfilename": path} for path in sorted(files)]
    about = {"id": name, "sha": sha, "private": self.repo(name).private, "siblings": siblings, "tags": []}
    raise Answer(200, about | {"author": name.split("/", 1)[0], "lastModified": _DATE, "downloads": 0, "likes": 0})


def entry(path: str, file: File | None) -> dict[str, Any]:
    """A file or a folder (None) as trees show it."""
    if file is None:
        return {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0, "path": path}
    found: dict[str, Any] = {"type": "file", "oid": file.blob, "size": len(file.content), "path": path}
    if file.sha256:
        found["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
    return found


def entries(files: dict[str, File], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """What lies in a folder, in order; with all below it if recursive."""
    found: dict[str, File | None] = {}
    start = f"{folder}/" if folder else ""
    for path, file in files.items():
        if path.startswith(start):
            parts = path[len(start) :].split("/")
            found |= {start + "/".join(parts[:depth]): None for depth in range(1, len(parts))}
            found[path] = file
    return [entry(path, found[path]) for path in sorted(found) if recursive or "/" not in path[len(start) :]]


def tree(self: Handler, body: bytes, query: Query, name: str, revision: str, folder: str) -> None:
    """GET a tree, page by page."""
    _, files = self.tree(name, revision)
    recursive = query.get("recursive", "").lower() in ("true", "1")
    found = entries(files, folder, recursive)
    if not found and folder:
        raise missing("Entry")
    begin = int(query.get("cursor", "0"))
    end = begin + self.server.page
    link = f"{self.server.url}{self.path.split('?')[0]}?recursive={recursive}&cursor={end}"
    more = {"Link": f'<{link}>; rel="next"'} if end < len(found) else {}
    raise Answer(200, found[begin:end], **more)


def paths_info(self: Handler, body: bytes, query: Query, name: str, revision: str) -> None:
    """POST paths: those that are there."""
    _, files = self.tree(name, revision)
    asked = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
    found = {item["path"]: item for item in entries(files, "", recursive=True)}
    raise Answer(200, [found[path] for path in asked if path in found])


def resolve(self: Handler, body: bytes, query: Query, name: str, revision: str, path: str) -> None:
    """GET or HEAD a file; a large one lies elsewhere, as on the Hub."""
    sha, files = self.tree(name, revision)
    if path not in files:
        answer = missing("Entry")
        answer.headers["X-Repo-Commit"] = sha
        raise answer
    file = files[path]
    headers = {"X-Repo-Commit": sha, "X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content))}
    if file.sha256:
        raise Answer(302, b"", Location=f"{self.server.storage}/objects/{file.sha256}", **headers)
    send_content(self, file.content, ETag=f'"{file.etag}"', **headers)


def send_content(self: Handler, content: bytes, **headers: str) -> None:
    """Answer with content, or with the range of it that was asked for."""
    headers |= {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
    if not match:
        raise Answer(200, content, **headers)
    begin, end = int(match[1]), min(int(match[2] or len(content)), len(content) - 1)
    if begin > end:
        raise Answer(416, b"", Content_Range=f"bytes */{len(content)}")
    part = content[begin : end + 1]
    raise Answer(206, part, Content_Range=f"bytes {begin}-{end}/{len(content)}", **headers)


_NAME = r"(?P<name>[^/]+/[^/]+?)"
_AT = r"(?P<revision>[^/]+)"
ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("POST", "/api/repos/create", create),
    ("POST", "/api/validate-yaml", validate_yaml),
    ("POST", f"/api/datasets/{_NAME}/preupload/{_AT}", preupload),
    ("POST", f"/datasets/{_NAME}\\.git/info/lfs/objects/batch", lfs_batch),
    ("PUT", "/objects/(?P<sha256>[0-9a-f]{64})", put_object),
    ("GET", f"/api/datasets/{_NAME}/xet-write-token/{_AT}", xet_token),
    ("POST", "/v1/xorbs/default/(?P<xorb>[0-9a-f]{64})", put_xorb),
    ("POST", "/v1/shards", put_shard),
    ("GET HEAD", "/objects/(?P<sha256>[0-9a-f]{64})", get_object),
    ("POST", f"/api/datasets/{_NAME}/commit/{_AT}", commit),
    ("GET", f"/api/datasets/{_NAME}(?:/revision/{_AT})?", info),
    ("GET", f"/api/datasets/{_NAME}/tree/{_AT}(?:/(?P<folder>.*))?", tree),
    ("POST", f"/api/datasets/{_NAME}/paths-info/{_AT}", paths_info),
    ("GET HEAD", f"/datasets/{_NAME}/resolve/{_AT}/(?P<path>.*)", resolve),
]
