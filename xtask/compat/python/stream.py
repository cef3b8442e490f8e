"""Streams a binlog from its start with python-mysql-replication: one line an event, with all that it holds.

usage: stream.py HOST PORT USER PASSWORD PRODUCT FILE END
"""
import signal
import sys

from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import RowsEvent

# Longer than that nothing ever takes.
IDLE_S = 20

# What belongs to the library, beside what it keeps to itself.
NOT_OF_EVENT = {"packet", "table_map"}


def shown(value):
    """A value as text, without an order that sets do not have, or where objects lie."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(shown, value))
    if isinstance(value, dict):
        return {shown(key): shown(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(inner) for inner in value]
    if hasattr(value, "__dict__"):
        own = vars(value).items()
        return shown({k: v for k, v in own if k not in NOT_OF_EVENT and not k.startswith("_")})
    return repr(value)


def content(event):
    """All that an event holds."""
    if isinstance(event, RowsEvent):
        return shown([event.schema, event.table, event.rows])
    return shown(event)


def late(_signal, _frame):
    """Ends it all: an error the library would take for one of the connection."""
    sys.exit(f"nothing came for {IDLE_S} s")


signal.signal(signal.SIGALRM, late)
signal.alarm(IDLE_S)
host, port, user, password, product, file, end = sys.argv[1:8]
stream = BinLogStreamReader(
    connection_settings={"host": host, "port": int(port), "user": user, "passwd": password},
    server_id=4101,
    # Where a reader does not wait MariaDB 10.11 resets the connection at the end, and what is under way is lost.
    blocking=True,
    resume_stream=True,
    log_file=file,
    log_pos=4,
    is_mariadb=product == "mariadb",
)
for event in stream:
    signal.alarm(IDLE_S)
    packet = event.packet
    print(type(event).__name__, packet.log_pos, packet.event_size, content(event), flush=True)
    if end in getattr(event, "query", ""):
        break
stream.close()
