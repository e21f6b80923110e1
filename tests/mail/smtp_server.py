#!/usr/bin/python3
"""A mail server on a loopback port that the kernel chooses (aiosmtpd): prints the port, then keeps each mail in DIR
as N.eml (its bytes) and N.json (envelope, login, whether TLS was on), N = 1, 2, 3 …

  smtp_server.py DIR [--cert FILE --key FILE] [--smtps | --require-starttls] [--auth USER:PASSWORD [--auth-plain]]
                 [--refuse "550 text" [--refuse-only ADDRESS]] [--hang-data]
"""
import argparse
import asyncio
import json
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, options):
        self.options = options
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if self.options.refuse and self.options.refuse_only in (None, address):
            return self.options.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.options.hang_data:
            reached = pathlib.Path(self.options.dir) / "reached"  # a fifo, if somebody wants to know
            if reached.exists():
                reached.write_text("here")
            await asyncio.Event().wait()
        self.count += 1
        base = pathlib.Path(self.options.dir)
        facts = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                 "user": session.auth_data, "hello": session.host_name}
        (base / f"{self.count}.json").write_text(json.dumps(facts))
        (base / f"{self.count}.eml").write_bytes(envelope.original_content)
        return "250 kept"


async def serve(options):
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    keeper = Keeper(options)

    def authenticate(server, session, envelope, mechanism, data):
        right = f"{data.login.decode()}:{data.password.decode()}" == options.auth
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    def make():
        return SMTP(keeper, hostname="localhost", tls_context=None if options.smtps else context,
                    require_starttls=options.require_starttls, auth_required=bool(options.auth),
                    auth_require_tls=not (options.auth_plain or options.smtps),
                    authenticator=authenticate if options.auth else None)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", options.port, ssl=context if options.smtps else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
parser.add_argument("dir")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--smtps", action="store_true")
parser.add_argument("--require-starttls", action="store_true")
parser.add_argument("--auth")
parser.add_argument("--auth-plain", action="store_true")
parser.add_argument("--refuse")
parser.add_argument("--refuse-only")
parser.add_argument("--hang-data", action="store_true")
asyncio.run(serve(parser.parse_args()))
