#!/usr/bin/python3
"""Reads a mail as Python's email package does, and prints what it found as JSON: header fields, defects, and of each
leaf part its type, name and content (that of a gzip file expanded)."""
import email
import email.policy
import gzip
import json
import sys

data = open(sys.argv[1], "rb").read()
lines = data.split(b"\r\n")
mail = email.message_from_bytes(data, policy=email.policy.SMTP)
facts = {"headers": [[name, str(value)] for name, value in mail.items()], "defects": [], "parts": [],
         "longest": max(len(line) for line in lines), "bare": b"\n" in b"".join(lines) or b"\r" in b"".join(lines),
         "ascii": data.isascii(), "date": mail["date"].datetime.timestamp(),
         "to": [address.addr_spec for address in mail["to"].addresses], "structure": []}
for part in mail.walk():
    facts["structure"].append(part.get_content_type())
    facts["defects"] += [repr(defect) for defect in part.defects]
    facts["defects"] += [repr(defect) for value in part.values() for defect in value.defects]
    if part.is_multipart():
        continue
    content = part.get_content()
    if part.get_content_type() == "application/gzip":
        content = gzip.decompress(content)
    if isinstance(content, str):
        content = content.replace("\r\n", "\n")
    else:
        content = content.decode("utf-8", "backslashreplace")
    facts["parts"].append({"type": part.get_content_type(), "name": part.get_filename(), "content": content})
json.dump(facts, sys.stdout)
