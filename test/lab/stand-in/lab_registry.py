"""A buildout recipe that plays the software release of re6st's registry in the lab: the registry itself is re6st's own.

Parameters and what it publishes have the shape of the real release. It listens on port 9026 of the partition's IPv6 address. Each
shared instance gets a token, which a service of the partition tells the registry a while later, and then the master; other tokens are
given to it on its machine.
"""
import ipaddress
import json
import os
import subprocess
import sys

from slapos import slap

CONFIGURATION = """port 9026
4 %(ipv4)s
6 %(ipv6)s
authorized-origin %(ipv4)s
authorized-origin %(ipv6)s
db %(folder)s/registry.db
dh %(folder)s/dh.pem
ca %(folder)s/ca.crt
key %(folder)s/ca.key
prefix-length %(length)d
%(encrypt)shello 1
client-count 3
logfile %(folder)s/registry.log
run %(folder)s/run
"""


# Every few seconds, where the real one comes by every five minutes.
TOKENS = r"""#!%(own)s
import json, os, random, string, subprocess, time
from slapos import slap

folder, server, computer, reference, key, certificate, python = %(words)r
path = os.path.join(folder, "srv", "registry", "tokens.json")
PROGRAM = '''
import logging, sys
logging.trace = logging.debug
from re6st.registry import RegistryClient
client = RegistryClient(sys.argv[1])
token = sys.stdin.readline().strip()
if sys.argv[2] == "add":
    client.addToken("lab@example.invalid", token)
elif not client.isToken(token):
    print("used")
'''


def registry(act, token):
    with open(os.path.join(folder, ".slapos-resource")) as resource:
        six = next(one["addr"] for one in json.load(resource)["address_list"] if ":" in one["addr"])
    asked = [python, "-c", PROGRAM, "http://[" + six + "]:9026/", act]
    return subprocess.run(asked, input=token.encode(), stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def look():
    client = slap.slap()
    client.initializeConnection(server, key or None, certificate or None)
    partition = client.registerComputerPartition(computer, reference)
    try:
        with open(path) as file:
            tokens = json.load(file)
    except FileNotFoundError:
        tokens = {}
    for one in partition.getInstanceParameterDict().get("slave_instance_list", []):
        name = one["slave_reference"]
        known = tokens.get(name)
        if known is None:
            letters = "".join(random.SystemRandom().choice(string.ascii_lowercase) for _ in range(20))
            tokens[name] = {"token": str(len(tokens) + 1) + letters, "told": "New token requested"}
        elif known["told"] == "New token requested":
            registry("add", known["token"])
            known["told"] = "Token is ready for use"
        elif known["told"] == "Token is ready for use" and registry("look", known["token"]) == "used":
            known["told"] = "Token not available, it has been used to generate re6stnet certificate."
        else:
            continue
        with open(path + ".new", "w") as file:
            json.dump(tokens, file)
        os.rename(path + ".new", path)
        told = tokens[name]
        given = {"token": told["token"], "1_info": told["told"], "ipv6": "::", "ipv4": "0.0.0.0"}
        partition.setConnectionDict(given, name)


os.umask(0o077)
while True:
    try:
        look()
    except Exception as error:
        print("%%s: %%s" %% (type(error).__name__, str(error)[:200]), flush=True)
    time.sleep(3)
"""


class Recipe:
    def __init__(self, buildout, name, options):
        self.connection = buildout["slap-connection"]
        self.directory = buildout["buildout"]["directory"]
        self.python = options["python"]
        self.registry = options["registry"]

    def install(self):
        client = slap.slap()
        connection = self.connection
        client.initializeConnection(
            connection["server-url"], connection.get("key-file") or None, connection.get("cert-file") or None
        )
        partition = client.registerComputerPartition(connection["computer-id"], connection["partition-id"])
        with open(os.path.join(self.directory, ".slapos-resource")) as resource:
            addresses = [one["addr"] for one in json.load(resource)["address_list"]]
        ipv4 = next(address for address in addresses if ":" not in address)
        ipv6 = next(address for address in addresses if ":" in address)
        given = json.loads(partition.getInstanceParameterDict().get("_", "{}"))
        folder = os.path.join(self.directory, "srv", "registry")
        os.makedirs(os.path.join(folder, "run"), exist_ok=True)
        make_authority(folder, ipaddress.ip_network(given["ipv6-prefix"]))
        configuration = os.path.join(self.directory, "etc", "registry.conf")
        os.makedirs(os.path.join(self.directory, "etc", "service"), exist_ok=True)
        with open(configuration, "w") as file:
            file.write(
                CONFIGURATION
                % {
                    "ipv4": ipv4,
                    "ipv6": ipv6,
                    "folder": folder,
                    "length": given["prefix-length"],
                    "encrypt": "encrypt\n" if given.get("encrypt") else "",
                }
            )
        service = os.path.join(self.directory, "etc", "service", "re6st-registry")
        with open(service, "w") as script:
            script.write("#!/bin/sh\nexec %s %s @%s\n" % (self.python, self.registry, configuration))
        os.chmod(service, 0o700)
        tokens = os.path.join(self.directory, "etc", "service", "re6st-tokens")
        words = [self.directory, connection["server-url"], connection["computer-id"], connection["partition-id"]]
        words += [connection.get("key-file") or "", connection.get("cert-file") or "", self.python]
        with open(tokens, "w") as script:
            script.write(TOKENS % {"own": sys.executable, "words": words})
        os.chmod(tokens, 0o700)
        url = "http://[%s]:9026" % ipv6
        partition.setConnectionDict(
            {"_": json.dumps({"re6stry-url": url, "re6stry-local-url": "http://%s:9026" % ipv4})}
        )
        return [service, tokens, self.write_promise(ipv6)]

    update = install

    def write_promise(self, ipv6):
        folder = os.path.join(self.directory, "etc", "promise")
        os.makedirs(folder, exist_ok=True)
        promise = os.path.join(folder, "registry-listens")
        with open(promise, "w") as script:
            script.write("#!/bin/bash\nexec 3<>/dev/tcp/%s/9026\n" % ipv6)
        os.chmod(promise, 0o700)
        return promise


def make_authority(folder, network):
    """Makes the authority once. Its serial number is a 1 followed by the network's bits."""
    certificate = os.path.join(folder, "ca.crt")
    if os.path.exists(certificate):
        return
    bits = "1" + bin(int(network.network_address))[2:].rjust(128, "0")[: network.prefixlen]
    before = os.umask(0o077)
    try:
        subprocess.check_call(["openssl", "dhparam", "-dsaparam", "-out", os.path.join(folder, "dh.pem"), "2048"])
        subprocess.check_call(
            ["openssl", "req", "-nodes", "-new", "-x509", "-newkey", "rsa:2048", "-days", "3650"]
            + ["-keyout", os.path.join(folder, "ca.key"), "-set_serial", hex(int(bits, 2))]
            + ["-subj", "/CN=re6st lab/emailAddress=root@example.invalid", "-out", certificate + ".new"]
        )
        os.rename(certificate + ".new", certificate)
    finally:
        os.umask(before)
