"""Prepares a person, a thread and an import, then runs schemathesis once for each audience.

Reads run.json and bootstrap.json of the data folder that is its argument. Ends with 1 when a run
found something.
"""

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

HERE = Path(__file__).parent
CHECKS = ",".join([
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
])
# Seconds for one run: a hang is a failure.
LONGEST = 60


def call(base, path, body, token=None, content_type="application/json"):
    """Posts and answers the JSON that comes back."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": content_type}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(base + path, data=data, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def thread(base, known):
    """A visitor with the form and messages sent: the visitor's token and id."""
    start = {"organization": known["organization"], "appId": known["appId"]}
    started = call(base, "/widget/v1/init", start)
    token = started["session"]["token"]
    form = {"fields": {"name": "Ann", "email": "a@example.com"}}
    started = call(base, "/widget/v1/pre-chat", form, token)
    for text in ("Hello", "Is anybody there?"):
        call(base, "/widget/v1/messages", {"clientMessageId": str(uuid.uuid4()), "text": text}, token)
    return token, started["contact"]["id"]


def schemathesis(base, token, known, *options):
    """One run; true when it found nothing."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{base}/openapi.json",
        "--checks", CHECKS,
        "--phases", "coverage,fuzzing", "--max-examples", "40", "--continue-on-failure",
        # A stream has no end; the gateway's own tests hold events against the document.
        "--exclude-path-regex", "/events$",
        "--request-timeout", "10", "--generation-database", "none", "--suppress-health-check", "all",
        "--warnings", "off", "--no-color", *options,
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE),
                                "ONETHREAD_KNOWN": json.dumps(known), "ONETHREAD_TOKEN": token}
    try:
        return subprocess.run(command, env=environment, timeout=LONGEST, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"not done after {LONGEST} s")
        return False


def main():
    folder = Path(sys.argv[1])
    base = "http://" + json.loads((folder / "run.json").read_text())["http"]
    known = json.loads((folder / "bootstrap.json").read_text())
    key = known["apiKey"]
    token, person = thread(base, known)
    file = b"email,name\nb@example.com,Bob\nnonsense,Cem\n"
    loaded = call(base, "/v1/imports?apply=false", file, key, "text/csv")
    known |= {"contact": person, "import": loaded["id"],
              "operator": os.environ.get("ONETHREAD_OPERATOR_TOKEN")}
    fine = [
        schemathesis(base, key, known, "--include-path-regex", "^/(v1/|healthz|readyz|openapi)"),
        # An ended session answers 401 to everything: logging out comes last.
        schemathesis(base, token, known, "--include-path-regex", "^/widget/",
                     "--exclude-path", "/widget/v1/logout"),
        schemathesis(base, token, known, "--include-path", "/widget/v1/logout"),
    ]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
