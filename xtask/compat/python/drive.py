"""Does with a server what users of a driver do: one line each, with what was answered.

usage: drive.py pymysql|connector HOST PORT USER PASSWORD plain|tls STATEMENTS
"""
import sys

PARAMETERS = (7, "it's\u00fc", None)


def connect(driver, tls, **account):
    """A connection of this driver, and what makes its cursor for prepared statements."""
    if driver == "pymysql":
        import pymysql

        account |= {"ssl": {"check_hostname": False}} if tls else {"ssl_disabled": True}
        # It has none.
        return pymysql.connect(**account), None
    import mysql.connector

    account |= {"ssl_disabled": not tls, "use_pure": True}
    connection = mysql.connector.connect(**account)
    return connection, lambda: connection.cursor(prepared=True)


def answer(cursor, kind, sql, parameters=()):
    """What a server answers, in a line."""
    try:
        cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
        names = [column[0] for column in cursor.description or []]
        rows = cursor.fetchall() if names else []
        return f"{names} {rows if kind != 'columns' else ''}"
    except Exception as error:
        if isinstance(error.args[0], int):
            return f"error {error.args[0]}"
        raise


def main():
    """Does it all."""
    driver, host, port, user, password, tls, path = sys.argv[1:8]
    connection, prepared = connect(
        driver, tls == "tls", host=host, port=int(port), user=user, password=password
    )
    connection.ping(True)
    print("ping", flush=True)
    statements = [line.rstrip("\n").split(" ", 1) for line in open(path, encoding="utf-8")]
    cursors = [("text", connection.cursor)] + ([("prepared", prepared)] if prepared else [])
    for name, cursor in cursors:
        for kind, sql in statements:
            if kind == "parameters":
                of_driver = sql.replace("?", "%s")
                line = answer(cursor(), kind, of_driver, PARAMETERS)
            else:
                line = answer(cursor(), kind, sql)
            print(name, sql, line, flush=True)
    connection.rollback()
    cursor = connection.cursor()
    for end in (connection.commit, connection.rollback):
        connection.begin() if driver == "pymysql" else connection.start_transaction()
        print("transaction", answer(cursor, "values", "SELECT 1"))
        end()
    if driver == "pymysql":
        connection.autocommit(True)
        connection.select_db("information_schema")
    else:
        connection.autocommit = True
        connection.database = "information_schema"
        connection.cmd_reset_connection()
    print("database", answer(connection.cursor(), "values", "SELECT DATABASE()"))
    connection.close()
    print("closed")


main()
