"""Answers each request as a file says at that moment: well, badly, late, never, or with nonsense.

    python answers_as_told.py PORT FILE

FILE holds JSON: paths and how they are answered; `*` is for the others. Answers are a status,
`say TEXT` (200 with that body), `late`, `hang`, `drip`, `huge`, `redirect`, `garbage`, `break`,
`flap` (200 and 503 in turn). If FILE holds `leave`, it stops listening, but lives on.
"""

import itertools
import json
import pathlib
import socket
import sys
import threading
import time

HEAD = b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n%s\r\n"
flaps = itertools.cycle([200, 503])
told = pathlib.Path(sys.argv[2])


def answer(connection: socket.socket) -> None:
    request = connection.recv(65536).decode(errors="replace").split(" ")
    path = request[1] if len(request) > 1 else ""
    how = json.loads(told.read_text())
    word = str(how.get(path, how.get("*", "200")))
    if word.isdigit():
        connection.sendall(HEAD % (int(word), 0, b""))
    elif word == "flap":
        connection.sendall(HEAD % (next(flaps), 0, b""))
    elif word.startswith("say "):
        body = word[4:].encode()
        connection.sendall(HEAD % (200, len(body), b"") + body)
    elif word == "redirect":
        connection.sendall(HEAD % (302, 0, b"Location: /elsewhere\r\n"))
    elif word == "garbage":
        connection.sendall(b"220 mail ready\r\n\0\xff")
    else:
        answer_too_long(connection, word)


def answer_too_long(connection: socket.socket, word: str) -> None:
    if word == "late":
        time.sleep(1.0)
        connection.sendall(HEAD % (200, 0, b""))
    elif word == "hang":
        time.sleep(3600)
    elif word == "drip":
        connection.sendall(HEAD % (200, 1_000_000, b""))
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)
    elif word == "huge":
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)


def serve(connection: socket.socket) -> None:
    with connection:
        try:
            answer(connection)
        except OSError:
            return


listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
listening.settimeout(0.05)
print("ready", flush=True)
while '"leave"' not in told.read_text():
    try:
        threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
    except TimeoutError:
        continue
listening.close()
print("left", flush=True)
time.sleep(3600)
