#!/opt/re6st/bin/python
"""Lets re6st run on the babeld of Debian.

re6st expects a babeld with two changes of its own: a control socket that speaks a binary form (option -X), and the keyword
ipv6-subtrees. This program leaves both out, starts Debian's babeld with its text interface (-G), and answers on the socket
that re6st opens: a dump is read from the text interface and put into the binary form. A request to make neighbours more
expensive, by which re6st retires surplus tunnels, is acknowledged and does nothing.
"""
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

BABELD = "/opt/re6st/sbin/babeld"
INTERFACES, NEIGHBOURS, XROUTES, ROUTES, ALL_ROUTES = 1, 2, 4, 8, 16


def split_arguments(words):
    """Options of the babeld there is, and the path of the socket, null when none is asked for."""
    kept, path, words = [], None, list(words)
    while words:
        word = words.pop(0)
        if word == "-X":
            path = words.pop(0)
        elif word == "-C" and words[0].startswith("ipv6-subtrees"):
            words.pop(0)
        else:
            kept.append(word)
    return kept, path


def read_dump(path):
    """What babeld knows: kind, name and fields of each line. The banner ends with `ok`, and so does the dump."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        with connection.makefile("rw") as lines:
            lines.write("dump\n")
            lines.flush()
            ends = 0
            for line in lines:
                words = line.split()
                if words and words[0] in ("ok", "no", "bad"):
                    ends += 1
                    if ends == 2:
                        return
                elif words and words[0] == "add":
                    yield words[1], words[2], dict(zip(words[3::2], words[4::2]))


def address(text):
    return socket.inet_pton(socket.AF_INET6, text)


def prefix(text):
    base, length = text.split("/")
    if ":" in base:
        return address(base), int(length)
    return b"\0" * 10 + b"\xff\xff" + socket.inet_aton(base), int(length) + 96


def binary_dump(path, flags):
    interfaces, neighbours, xroutes, routes = [], [], [], []
    for kind, name, fields in read_dump(path):
        try:
            if kind == "interface" and flags & INTERFACES and fields.get("up") == "true":
                interfaces.append(struct.pack("!I", socket.if_nametoindex(name)) + name.encode() + b"\0")
            elif kind == "neighbour" and flags & NEIGHBOURS:
                neighbours.append(
                    struct.pack(
                        "!16sIHHHHHiHH",
                        address(fields["address"]),
                        socket.if_nametoindex(fields["if"]),
                        int(fields["reach"], 16),
                        min(int(fields["rxcost"]), 65535),
                        min(int(fields["txcost"]), 65535),
                        min(int(float(fields.get("rtt", 0))), 65535),
                        int(fields.get("rttcost", 0)),
                        0,
                        1,
                        256,
                    )
                )
            elif kind == "xroute" and flags & XROUTES:
                xroutes.append(struct.pack("!16sBH", *prefix(fields["prefix"]), int(fields["metric"])))
            elif kind == "route" and flags & (ROUTES | ALL_ROUTES):
                installed = fields["installed"] == "yes"
                if not installed and not flags & ALL_ROUTES:
                    continue
                metric, via = int(fields["metric"]), address(fields["via"])
                routes.append(
                    struct.pack(
                        "!16sBHHH8siiI16s16sB",
                        *prefix(fields["prefix"]),
                        metric,
                        metric,
                        int(fields["refmetric"]),
                        bytes.fromhex(fields["id"].replace(":", "")),
                        0,
                        0,
                        socket.if_nametoindex(fields["if"]),
                        via,
                        via,
                        installed,
                    )
                )
        except (OSError, KeyError) as trouble:
            # An interface that went away between the dump and the question.
            print("babeld: left out", kind, name, repr(trouble), file=sys.stderr)
    if flags & NEIGHBOURS:
        # re6st takes it for granted that the neighbour of each route is listed.
        known = {one[:20] for one in neighbours}
        routes = [one for one in routes if one[43:59] + one[39:43] in known]
    parts = (interfaces, neighbours, xroutes, routes)
    return b"".join(struct.pack("!H", len(part)) + b"".join(part) for part in parts)


def serve(connection, text_path):
    with connection, connection.makefile("rwb") as stream:
        try:
            if not stream.read(1):
                return
            while True:
                head = stream.read(6)
                if len(head) < 6:
                    return
                kind, length = struct.unpack("!HI", head)
                body = stream.read(length)
                answer = b"\0"
                if kind == 1:
                    try:
                        answer = binary_dump(text_path, body[0])
                    except OSError:
                        answer = b"\0" * 8
                stream.write(struct.pack("!HI", kind, len(answer)) + answer)
                stream.flush()
        except OSError:
            pass


def remove(*paths):
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def main():
    options, path = split_arguments(sys.argv[1:])
    if path is None:
        os.execv(BABELD, [BABELD] + options)
    text_path = path + ".text"
    remove(path, text_path)
    babeld = subprocess.Popen([BABELD, "-G", text_path] + options)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: babeld.send_signal(received))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, text_path), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    code = babeld.wait()
    remove(path, text_path)
    sys.exit(code if code >= 0 else 128 - code)


main()
