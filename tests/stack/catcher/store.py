"""Keeps caught mails: one .eml file each, so that they outlive a restart, and an index of them in memory."""

import datetime
import email
import email.policy
import itertools
import os
import re
import threading
import time

LINK = re.compile(r"https?://[^\s\"'<>]+")


class Store:
    def __init__(self, directory):
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.arrival = threading.Condition()
        self.mails = [self._read(path) for path in sorted(directory.glob("*.eml"))]
        last = self.mails[-1]["id"] if self.mails else 0
        self.ids = itertools.count(last + 1)

    def add(self, sender, recipients, content):
        """Keeps one mail; it is on disk before this returns, as a mail server must before it says 250."""
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n".encode()
        with self.arrival:
            path = self.directory / f"{next(self.ids):08d}.eml"
            partial = path.with_suffix(".partial")
            with open(partial, "wb") as file:
                file.write(envelope + content)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            self.mails.append(self._read(path))
            self.arrival.notify_all()

    def find(self, to=None, contains=None, count=1, wait_seconds=0.0):
        """Mails to an address, whose text has a word in it; waits until there are `count` of them or time is up."""
        deadline = time.monotonic() + wait_seconds
        with self.arrival:
            while True:
                found = [mail for mail in self.mails if matches(mail, to, contains)]
                left = deadline - time.monotonic()
                if len(found) >= count or left <= 0:
                    return found
                self.arrival.wait(left)

    def get(self, mail_id):
        with self.arrival:
            return next((mail for mail in self.mails if mail["id"] == mail_id), None)

    def raw(self, mail_id):
        return (self.directory / f"{mail_id:08d}.eml").read_bytes()

    def clear(self):
        with self.arrival:
            for mail in self.mails:
                (self.directory / f"{mail['id']:08d}.eml").unlink()
            self.mails.clear()

    @staticmethod
    def _read(path):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        text, html = body(message, "plain"), body(message, "html")
        received = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc)
        return {
            "id": int(path.stem),
            "receivedAt": received.isoformat(timespec="milliseconds"),
            "envelopeFrom": str(message["X-Envelope-From"]),
            "envelopeTo": str(message["X-Envelope-To"]).split(", "),
            "from": str(message["From"] or ""),
            "to": str(message["To"] or ""),
            "subject": str(message["Subject"] or ""),
            "messageId": str(message["Message-ID"] or ""),
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": text,
            "html": html,
            "links": list(dict.fromkeys(LINK.findall(text))),
        }


def body(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return part.get_content() if part else ""


def matches(mail, to, contains):
    recipients = [address.lower() for address in mail["envelopeTo"]]
    return (not to or to.lower() in recipients) and (
        not contains or contains in mail["text"] or contains in mail["subject"]
    )
