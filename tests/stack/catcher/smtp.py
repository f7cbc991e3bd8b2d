"""The SMTP side of the mail catcher, and the ways in which a test can make it fail.

A fault is a mode and how many deliveries it shall hit; afterwards mails are taken again. Modes:
  accept  take the mail (the default)
  421     at MAIL: service not available, connection closed
  451     at RCPT: try again later
  550     at RCPT: no such mailbox, for good
  drop    take and keep the mail, then cut the connection without an answer: the sender cannot know
  slow    wait `seconds` before the answer to DATA
"""

import asyncio
import threading

from aiosmtpd.smtp import SMTP

MODES = ("accept", "421", "451", "550", "drop", "slow")
BYTES_MAX = 1024 * 1024


class Faults:
    """Which fault is on; set over HTTP (another thread), used by the SMTP thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.set("accept", None, 0.0)
        self.hits = dict.fromkeys(MODES, 0)

    def set(self, mode, times, seconds):
        with self.lock:
            self.mode, self.times, self.seconds = mode, times, seconds

    def take(self, *modes):
        """Whether the fault is one of these now; uses up one of its times if so."""
        with self.lock:
            if self.mode not in modes or self.times == 0:
                return None
            if self.times is not None:
                self.times -= 1
            self.hits[self.mode] += 1
            return self.mode

    def report(self):
        with self.lock:
            left = {"mode": self.mode, "times": self.times, "seconds": self.seconds}
            return {**left, "hits": dict(self.hits)}


class Handler:
    def __init__(self, mails, faults):
        self.mails = mails
        self.faults = faults

    async def handle_MAIL(self, server, _session, envelope, address, options):
        if self.faults.take("421"):
            await server.push("421 4.3.2 not now, as the test wished")
            server.transport.close()
            return "421 4.3.2 closing"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, options):
        fault = self.faults.take("451", "550")
        if fault == "451":
            return "451 4.2.1 try again later, as the test wished"
        if fault == "550":
            return "550 5.1.1 no such mailbox, as the test wished"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, _session, envelope):
        fault = self.faults.take("drop", "slow")
        if fault == "slow":
            await asyncio.sleep(self.faults.seconds)
        self.mails.add(envelope.mail_from, envelope.rcpt_tos, envelope.original_content)
        self.faults.take("accept")
        if fault == "drop":
            server.transport.abort()
        return "250 2.0.0 kept"


class Server:
    """The SMTP server on an event loop and a thread of its own."""

    def __init__(self, host, port, mails, faults):
        self.handler = Handler(mails, faults)
        self.loop = asyncio.new_event_loop()
        self.listener = self.loop.run_until_complete(self.loop.create_server(self._conversation, host, port))
        self.port = self.listener.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listener.close()

    def _conversation(self):
        return SMTP(
            self.handler, data_size_limit=BYTES_MAX, enable_SMTPUTF8=True, ident="mail catcher", loop=self.loop
        )
