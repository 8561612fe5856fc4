# Plays a frontend: frontend.py CERTIFICATE KEY ADDRESS… Plain HTTP on 8080 and TLS on 4443 of each address.
import http.server
import socket
import ssl
import sys
import threading

certificate, key, addresses = sys.argv[1], sys.argv[2], sys.argv[3:]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("Lab frontend for %s\n" % self.headers.get("Host", "")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


for address in addresses:
    for port in (8080, 4443):
        # IPV6 sockets are told to leave IPv4 alone: each address is bound by itself.
        kind = type("Server", (http.server.ThreadingHTTPServer,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
        server = kind((address, port), Handler)
        if port == 4443:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
