"""A buildout recipe that plays the software release of re6st's registry in the lab: the registry itself is re6st's own.

Parameters and what it publishes have the shape of the real release. It listens on port 9026 of the partition's IPv6 address. Tokens
are given to it on its machine, where the real one fetches them from its shared instances.
"""
import ipaddress
import json
import os
import subprocess

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
        url = "http://[%s]:9026" % ipv6
        partition.setConnectionDict(
            {"_": json.dumps({"re6stry-url": url, "re6stry-local-url": "http://%s:9026" % ipv4})}
        )
        return [service, self.write_promise(ipv6)]

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
