"""The cheapest client there is: requests signed once, sent as bytes over one connection, so that the client's own work is not measured."""

import socket

from signed import Request


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def ask(self, request):
        self.socket.sendall(request)
        status = int(self.reader.readline().split()[1])
        length = 0
        while (line := self.reader.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = self.reader.read(length)
        assert status == 200, (status, body)
        return body


def signed(account, action, **parameters):
    """A request of EC2's as it goes over the wire."""
    request = Request(account, action, **parameters).sign()
    lines = [f"{request.method} / HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(request.body)}", "", ""]).encode() + request.body
