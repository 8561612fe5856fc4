"""A buildout recipe that plays the master's software release in the lab.

It is used by an instance profile as `recipe = lab-master`. What it asks from slapproxy and what it publishes has the shape of the
real release: the root instance asks for a `zope-1` partition and publishes the login and the families; `zope-1` runs a small HTTP
server on port 2200 of its partition and publishes its address; nodes and clients are served on port 2155. A `probe`, for tests that
need any service at all on a node, publishes what it was given.
"""
import json
import os
import shutil
import subprocess

from slapos import slap

# Searched for by the tests wherever it must not be.
PASSWORD = "labinituser5canary5of5the5master"


class Recipe:
    def __init__(self, buildout, name, options):
        self.connection = buildout["slap-connection"]
        self.directory = buildout["buildout"]["directory"]
        self.server = options["server"]
        self.nodes = options["nodes"]

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
        if partition.getType() == "zope":
            return self.install_zope(partition, ipv4, ipv6)
        if partition.getType() == "probe":
            return self.install_probe(partition, ipv6)
        return self.install_root(partition, ipv4, ipv6)

    update = install

    def install_probe(self, partition, ipv6):
        passed = os.path.join(self.directory, "passed-once")
        again = os.path.exists(passed)
        open(passed, "w").close()
        if again:
            given = json.loads(partition.getInstanceParameterDict().get("_", "{}"))
            publish(partition, {"given": given, "address": ipv6})
        return [self.write_promise("probe-published", again)]

    def install_zope(self, partition, ipv4, ipv6):
        user = json.loads(partition.getInstanceParameterDict()["_"])
        for name in ("etc/service", "var"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        with open(os.path.join(self.directory, "etc", "zope.json"), "w") as settings:
            json.dump(user, settings)
        service = os.path.join(self.directory, "etc", "service", "zope-0")
        with open(service, "w") as script:
            script.write("#!/bin/sh\nexec %s %s 2200 %s\n" % (self.server, ipv4, self.directory))
        os.chmod(service, 0o700)
        # The service family: a server of its own, which waits until the site knows its certificate authority.
        family = os.path.join(self.directory, "etc", "service", "service-0")
        with open(family, "w") as script:
            script.write("#!/bin/sh\nexec %s %s 2155 %s %s\n" % (self.nodes, ipv6, ipv4, self.directory))
        os.chmod(family, 0o700)
        # Like the real one, it takes more than one pass until it says where it is.
        passed = os.path.join(self.directory, "var", "passed-once")
        again = os.path.exists(passed)
        open(passed, "w").close()
        if again:
            publish(partition, {"zope-address-list": [["%s:2200" % ipv4, 4, False]], "service-host": ipv6})
        return [service, family, self.write_promise("zope-listens", again)]

    def install_root(self, partition, ipv4, ipv6):
        given = json.loads(partition.getInstanceParameterDict().get("_", "{}"))
        if "shared-certificate-authority-path" in given:
            make_authority(given["shared-certificate-authority-path"])
        release = self.connection["software-release-url"]
        user = {"login": "zope", "password": PASSWORD}
        zope = partition.request(release, "zope", "zope-1", partition_parameter_kw={"_": json.dumps(user)})
        published = {"inituser-login": user["login"], "inituser-password": user["password"]}
        try:
            published["zopes"] = json.loads(zope.getConnectionParameter("_"))
            service_host = published["zopes"]["service-host"]
        except slap.NotFoundError:
            # The child has published nothing yet: the families follow in a later pass, as they do with the real release.
            pass
        else:
            published["family-1"] = "https://%s:2152" % ipv4
            published["family-1-v6"] = "https://[%s]:2152" % ipv6
            published["family-service-v6"] = "https://[%s]:2155" % service_host
        publish(partition, published)
        return [self.write_promise("families-published", "family-1" in published)]

    def write_promise(self, name, kept):
        """A promise that fails makes slapgrid process the partition again in the next pass: that is how the tree converges."""
        folder = os.path.join(self.directory, "etc", "promise")
        os.makedirs(folder, exist_ok=True)
        promise = os.path.join(folder, name)
        with open(promise, "w") as script:
            script.write("#!/bin/sh\necho '%s'\nexit %d\n" % (name if kept else "not yet: " + name, 0 if kept else 1))
        os.chmod(promise, 0o700)
        return promise


class Payload:
    """Writes a file of a given size that no archiver can make smaller: releases are big, and transfers must take their time."""

    def __init__(self, buildout, name, options):
        self.megabytes = int(options["megabytes"])
        self.output = options["output"]

    def install(self):
        os.makedirs(os.path.dirname(self.output), exist_ok=True)
        with open(self.output, "wb") as payload:
            for _ in range(self.megabytes):
                payload.write(os.urandom(1 << 20))
        return [self.output]

    update = install


class Folder:
    """Copies a folder of the machine that compiles into the release."""

    def __init__(self, buildout, name, options):
        self.source = options["source"]
        self.output = options["output"]

    def install(self):
        shutil.copytree(self.source, self.output, symlinks=True, dirs_exist_ok=True)
        return [self.output]

    update = install


def make_authority(path):
    """Makes the certificate authority's files with the modes of the real release: its own user's, whatever others need."""
    before = os.umask(0o027)
    try:
        for name in ("requests", "private", "certs", "newcerts", "crl"):
            os.makedirs(os.path.join(path, name), mode=0o750, exist_ok=True)
        with open(os.path.join(path, "openssl.cnf"), "w") as settings:
            settings.write("[ ca ]\ndefault_ca = CA_default\n")
        os.chmod(os.path.join(path, "openssl.cnf"), 0o640)
        for name, mode in (("private/cakey.pem", 0o600), ("cacert.pem", 0o644), ("serial", 0o640), ("index.txt", 0o640)):
            file = os.path.join(path, name)
            if not os.path.exists(file):
                os.close(os.open(file, os.O_CREAT | os.O_WRONLY, mode))
        make_authority_key(path)
    finally:
        os.umask(before)


def make_authority_key(path):
    key, certificate = os.path.join(path, "private", "cakey.pem"), os.path.join(path, "cacert.pem")
    if os.path.getsize(certificate):
        return
    settings = os.path.join(path, "openssl.cnf")
    with open(settings, "a") as file:
        file.write(
            "[ req ]\ndistinguished_name = name\nx509_extensions = authority\nprompt = no\n"
            "[ name ]\nCN = Lab authority\n[ authority ]\nbasicConstraints = critical,CA:true\n"
        )
    words = ["openssl", "req", "-config", settings, "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
    # Into the files that are there: their owners and modes stay.
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True)


def publish(partition, values):
    partition.setConnectionDict({"_": json.dumps(values)})
