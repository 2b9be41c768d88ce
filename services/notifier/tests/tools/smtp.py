"""A mail server on a free port of this machine; aiosmtpd does the protocol.

Arguments: plain, starttls or tls; then certificate, key, user and password, each may be "-".
Prints its port, then one JSON object for each mail that it took. The local part of a recipient
says how it is answered: busy, unknown, refused (after the text), shut, silent; others are taken.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

protection, certificate, key, user, password = sys.argv[1:6]


def say(text):
    print(text, flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        part = address.split("@")[0]
        if part == "busy":
            return "451 4.7.1 greylisted, come back later"
        if part == "full":
            return "452 4.2.2 mailbox full"
        if part == "unknown":
            return "550 5.1.1 no such mailbox"
        if part == "shut":
            return "421 4.3.2 shutting down"
        if part == "silent":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("refused@"):
            return "554 5.7.1 not here"
        say(json.dumps({
            "hello": session.host_name,
            "user": session.auth_data and session.auth_data.login.decode(),
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "mail": base64.b64encode(envelope.original_content).decode(),
        }))
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    known = data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=known, handled=known, auth_data=data)


async def main():
    context = None
    if protection != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    settings = {"hostname": "mail.example.gov", "enable_SMTPUTF8": True}
    if user != "-":
        settings |= {"authenticator": authenticate, "auth_required": True}
        settings |= {"auth_require_tls": protection == "starttls"}
    if protection == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), loop=loop, **settings),
        "127.0.0.1", 0, ssl=context if protection == "tls" else None,
    )
    say(server.sockets[0].getsockname()[1])
    # The test ends this program by closing its input.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
