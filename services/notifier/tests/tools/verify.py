"""Verifies signed calls with the reference library and with libsodium.

Reads one JSON object a line from the file given: secret, public, id, timestamp, signature, body.
Prints one line for each: whether v1 and v1a hold, as two digits.
"""

import base64
import json
import sys

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def v1(call):
    headers = {
        "webhook-id": call["id"],
        "webhook-timestamp": call["timestamp"],
        "webhook-signature": call["signature"],
    }
    try:
        Webhook(call["secret"]).verify(call["body"], headers, json_parse=False)
        return True
    except WebhookVerificationError:
        return False


def v1a(call):
    key = VerifyKey(base64.b64decode(call["public"].removeprefix("whpk_")))
    signed = f"{call['id']}.{call['timestamp']}.{call['body']}".encode()
    for part in call["signature"].split(" "):
        version, signature = part.split(",")
        if version == "v1a":
            try:
                key.verify(signed, base64.b64decode(signature))
                return True
            except BadSignatureError:
                pass
    return False


with open(sys.argv[1], encoding="utf-8") as calls:
    for line in calls:
        call = json.loads(line)
        print(f"{v1(call):d}{v1a(call):d}")
