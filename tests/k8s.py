"""Holds the manifests of k8s/ against the schemas of Kubernetes and against the programs.

Usage: k8s.py <folder with the built binaries>. Needs kubectl, and kubernetes-validate (PyPI).
For every overlay: it builds; each object fits its schema strictly; each environment name is one
that the container's program reads; each port is the one the program binds; each probe asks for
what the program answers; each selector and each name finds what it means.
"""

import pathlib
import re
import subprocess
import sys

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
KUBERNETES = "1.34"
# Read by libraries rather than listed by --help.
STANDARD = re.compile(r"RUST_LOG|OTEL_[A-Z_]+")
faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def program(folder, name):
    """What a program reads and binds: names of the environment, and ports by default."""
    text = run(folder / name, "--help")
    dump = dict(line.split("=", 1) for line in run(folder / name, "--dump-config").splitlines())
    ports = {key: int(value.rsplit(":", 1)[1]) for key, value in dump.items() if key.endswith("_ADDR")}
    return set(re.findall(r"ONETHREAD_[A-Z_]+", text)) | set(dump), ports


def constant(file, name):
    """A text constant of the code."""
    return re.search(rf'{name}: &str = "([^"]*)"', (ROOT / file).read_text()).group(1)


def check_container(where, container, objects, programs, readiness, routes):
    command = container.get("command", [""])[0]
    if not command.startswith("onethread"):
        return
    reads, binds = programs[command]
    said = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        said |= objects[("ConfigMap", name)]["data"]
    migrates = "migrate" in container["command"]
    for name in said:
        if name not in reads and not STANDARD.fullmatch(name) and not shared(name, programs):
            fault(where, f"{command} does not read {name}")
    for entry in container.get("env", []):
        secret = entry.get("valueFrom", {}).get("secretKeyRef")
        if secret and not secret["name"].startswith("onethread-"):
            fault(where, f"{secret['name']} is not a Secret of ours")
    if migrates:
        return
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    for name, port in binds.items():
        address = said.get(name)
        if address is None or int(address.rsplit(":", 1)[1]) != port or port not in ports.values():
            fault(where, f"{name} is {address}, the port by default {port}, those opened {ports}")
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind, {})
        if "grpc" in probe:
            wanted = "" if kind == "livenessProbe" else readiness
            if probe["grpc"].get("service", "") != wanted or probe["grpc"]["port"] not in ports.values():
                fault(where, f"{kind} asks {probe['grpc']}")
        elif "httpGet" in probe:
            get = probe["httpGet"]
            if get["path"] not in routes or ports.get(get["port"], get["port"]) not in ports.values():
                fault(where, f"{kind} asks {get}")
        else:
            fault(where, f"{kind} is missing")


def shared(name, programs):
    """A name in the map that all services share has to be one that some service reads."""
    return any(name in reads for reads, _ in programs.values())


def allowed(policies, caller, callee, port):
    """Whether policies let pods of one name speak to those of another, at both ends."""

    def selects(selector, name):
        labels = selector.get("matchLabels", {})
        within = all(
            e["operator"] == "In" and name in e["values"] for e in selector.get("matchExpressions", [])
        )
        return within and labels.get("app.kubernetes.io/name", name) == name

    def lets(kind, side, one, other):
        rules = [
            rule
            for policy in policies
            if kind in policy["policyTypes"] and selects(policy["podSelector"], one)
            for rule in policy.get(kind.lower(), [])
        ]
        return any(
            {"port": port} in rule.get("ports", [])
            and any(selects(peer["podSelector"], other) for peer in rule.get(side, []) if "podSelector" in peer)
            for rule in rules
        )

    return lets("Egress", "to", caller, callee) and lets("Ingress", "from", callee, caller)


def check_policies(where, objects, programs):
    """Where there are policies, each call that a program makes passes them, and no port is let in
    that nobody opens."""
    policies = [o["spec"] for (kind, _), o in objects.items() if kind == "NetworkPolicy"]
    if not policies:
        return
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in policies:
        fault(where, "what no policy allows is not denied")
    said = next(o["data"] for (kind, name), o in objects.items() if kind == "ConfigMap")
    for program, (reads, _) in programs.items():
        caller = program.removeprefix("onethread-")
        for name in reads:
            url = re.fullmatch(r"[a-z]+://([a-z-]+):([0-9]+)", said.get(name, ""))
            if name.endswith("_URL") and url:
                callee, port = url.group(1), int(url.group(2))
                if not allowed(policies, caller, callee, port):
                    fault(where, f"{caller} can't reach {callee}:{port}")
                service = objects.get(("Service", callee), {"spec": {"ports": []}})
                if port not in [each["port"] for each in service["spec"]["ports"]]:
                    fault(where, f"{name} names {callee}:{port}, which no Service has")
    pods = [o["spec"]["template"] for o in objects.values() if "template" in o.get("spec", {})]
    for policy in policies:
        wanted = policy["podSelector"].get("matchLabels", {}).items()
        found = [p for p in pods if wanted <= p["metadata"]["labels"].items()]
        opened = [port["containerPort"] for p in found for c in p["spec"]["containers"] for port in c.get("ports", [])]
        for rule in policy.get("ingress", []):
            for port in rule["ports"]:
                if port["port"] not in opened:
                    fault(where, f"a policy lets in {port['port']}, which nobody opens")


def check(overlay, programs, readiness, routes):
    objects = [o for o in yaml.safe_load_all(run("kubectl", "kustomize", overlay)) if o]
    by_name = {(o["kind"], o["metadata"]["name"]): o for o in objects}
    for each in objects:
        where = f"{overlay.relative_to(ROOT)} {each['kind']}/{each['metadata']['name']}"
        try:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            fault(where, error.message)
        template = each.get("spec", {}).get("template")
        if each["kind"] == "Service":
            selector = each["spec"]["selector"].items()
            pods = [o["spec"]["template"] for o in objects if "template" in o.get("spec", {})]
            found = [p for p in pods if selector <= p["metadata"]["labels"].items()]
            names = [port["name"] for p in found for c in p["spec"]["containers"] for port in c.get("ports", [])]
            for port in each["spec"]["ports"]:
                if port["targetPort"] not in names:
                    fault(where, f"no pod has a port {port['targetPort']}")
        if not template:
            continue
        account = template["spec"].get("serviceAccountName")
        if account and ("ServiceAccount", account) not in by_name:
            fault(where, f"there is no ServiceAccount {account}")
        for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]:
            check_container(f"{where} {container['name']}", container, by_name, programs, readiness, routes)
    check_policies(overlay.relative_to(ROOT), by_name, programs)
    return len(objects)


def main():
    folder = pathlib.Path(sys.argv[1])
    names = ["identity", "conversation", "contact-import", "gateway"]
    programs = {f"onethread-{name}": program(folder, f"onethread-{name}") for name in names}
    readiness = constant("libs/grpc/src/server.rs", "READINESS")
    health = (ROOT / "services/gateway/src/routes/health.rs").read_text()
    routes = set(re.findall(r'"(/(?:healthz|readyz))"', health))
    overlays = [ROOT / "k8s/base", *sorted((ROOT / "k8s/overlays").iterdir())]
    for overlay in overlays:
        print(f"{overlay.relative_to(ROOT)}: {check(overlay, programs, readiness, routes)} objects")
    print("\n".join(faults) or "no fault")
    return 1 if faults else 0


sys.exit(main())
