"""Streams a binlog from its start with python-mysql-replication: one line an event.

usage: stream.py HOST PORT USER PASSWORD PRODUCT FILE
"""
import sys

from pymysqlreplication import BinLogStreamReader

host, port, user, password, product, file = sys.argv[1:7]
stream = BinLogStreamReader(
    connection_settings={"host": host, "port": int(port), "user": user, "passwd": password},
    server_id=4101,
    blocking=False,
    resume_stream=True,
    log_file=file,
    log_pos=4,
    is_mariadb=product == "mariadb",
)
for event in stream:
    packet = event.packet
    print(type(event).__name__, packet.log_pos, packet.event_size, flush=True)
stream.close()
