"""Gives made-up calls a credential, and leads half of them to what is there."""

import json
import os
import random

import schemathesis

KNOWN = json.loads(os.environ["ONETHREAD_KNOWN"])
TOKEN = os.environ["ONETHREAD_TOKEN"]
# Its own, so that whatever else is drawn stays the same for a seed.
CHANCE = random.Random(1)


def id_for(path):
    return KNOWN["import"] if path.startswith("/v1/imports") else KNOWN["contact"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Real ids, a real application, the operator's token."""
    case.headers = dict(case.headers or {}, Authorization=f"Bearer {TOKEN}")
    if CHANCE.random() < 0.5:
        return
    path = case.operation.path
    if "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = id_for(path)
    if path == "/widget/v1/init" and isinstance(case.body, dict):
        case.body |= {"organization": KNOWN["organization"], "appId": KNOWN["appId"]}
    if path == "/v1/organizations" and KNOWN["operator"]:
        case.headers["Authorization"] = f"Bearer {KNOWN['operator']}"
        if isinstance(case.body, dict) and CHANCE.random() < 0.3:
            name = f"{CHANCE.randrange(10**9)}.example"
            wanted = {"agentEmail": f"a@{name}", "agentPassword": "long enough"}
            case.body |= {"organization": name} | wanted
    if path == "/widget/v1/pre-chat" and isinstance(case.body, dict):
        case.body |= {"fields": {"name": "Ann", "email": "a@example.com"}}
