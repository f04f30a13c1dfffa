"""The application `backend` with a database: the status URL answers 503 while
the schema is older than this image's newest revision."""
import http.server
import json
import os
import signal
import sys

import psycopg2
from alembic.config import Config
from alembic.script import ScriptDirectory

VERSION = os.environ["SHOP_VERSION"]
SCRIPTS = ScriptDirectory.from_config(Config("/app/alembic.ini"))
KNOWN = {script.revision for script in SCRIPTS.walk_revisions()}
HEAD = SCRIPTS.get_current_head()


def revision_of_database():
    connection = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=1)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('alembic_version') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return None
            cursor.execute("SELECT version_num FROM alembic_version")
            row = cursor.fetchone()
            return row and row[0]
    finally:
        connection.close()


def status():
    """The HTTP code and what is said; a schema ahead of this image is served."""
    try:
        revision = revision_of_database()
    except psycopg2.Error as error:
        return 503, {"status": "no database", "version": VERSION, "error": str(error).strip()}
    if revision == HEAD or (revision and revision not in KNOWN):
        return 200, {"status": "ok", "version": VERSION, "revision": revision}
    return 503, {"status": "schema behind", "version": VERSION, "revision": revision, "wanted": HEAD}


class Handler(http.server.BaseHTTPRequestHandler):
    said = None

    def do_GET(self):
        code, body = status() if self.path == "/api/v1/status/" else (404, {"status": "not found"})
        if code != 200 and body != Handler.said:
            print("ERROR", json.dumps(body), flush=True)
        Handler.said = body
        answer = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format, *arguments):
        """Health checks would drown the rest."""


def stop(*_):
    print(f"INFO  backend {VERSION} stops", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print(f"INFO  backend {VERSION} starts, schema {HEAD}", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
