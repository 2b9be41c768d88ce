// Verifies signed calls with the reference library and with OpenSSL, which Node carries.
//
// Reads one JSON object a line from the file given: secret, public, id, timestamp, signature, body.
// Prints one line for each: whether v1 and v1a hold, as two digits.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function v1(call) {
  const headers = {
    "webhook-id": call.id,
    "webhook-timestamp": call.timestamp,
    "webhook-signature": call.signature,
  };
  try {
    new Webhook(call.secret).verify(call.body, headers, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function v1a(call) {
  const raw = Buffer.from(call.public.replace("whpk_", ""), "base64");
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  const key = crypto.createPublicKey({ key: spki, format: "der", type: "spki" });
  const signed = Buffer.from(`${call.id}.${call.timestamp}.${call.body}`);
  const parts = call.signature.split(" ").map((part) => part.split(","));
  const ours = parts.filter(([version]) => version === "v1a");
  return ours.some(([, text]) => crypto.verify(null, signed, key, Buffer.from(text, "base64")));
}

const lines = fs.readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean);
const digits = lines.map((line) => {
  const call = JSON.parse(line);
  return `${Number(v1(call))}${Number(v1a(call))}\n`;
});
process.stdout.write(digits.join(""));
