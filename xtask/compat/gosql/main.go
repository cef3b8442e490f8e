// Does with a server what users of go-sql-driver do: one line each, with what was answered.
// usage: drive HOST PORT USER PASSWORD plain|tls STATEMENTS
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
)

var parameters = []any{7, "it's\u00fc", nil}

func main() {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", os.Args[1]+":"+os.Args[2]
	config.User, config.Passwd = os.Args[3], os.Args[4]
	if os.Args[5] == "tls" {
		config.TLSConfig = "skip-verify"
	}
	text, err := os.ReadFile(os.Args[6])
	check(err)
	statements := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, interpolated := range []bool{true, false} {
		config.InterpolateParams = interpolated
		connector, err := mysql.NewConnector(config)
		check(err)
		drive(sql.OpenDB(connector), statements)
	}
	fmt.Println("closed")
}

func drive(db *sql.DB, statements []string) {
	ctx := context.Background()
	check(db.PingContext(ctx))
	fmt.Println("ping")
	connection, err := db.Conn(ctx)
	check(err)
	for _, line := range statements {
		kind, statement, _ := strings.Cut(line, " ")
		if kind == "parameters" {
			// Prepared by the driver, or written into the text.
			fmt.Println("parameters", statement, answer(kind)(connection.QueryContext(ctx, statement, parameters...)))
			continue
		}
		fmt.Println("text", statement, answer(kind)(connection.QueryContext(ctx, statement)))
		prepared, err := connection.PrepareContext(ctx, statement)
		if err != nil {
			fmt.Println("prepare", statement, number(err))
			continue
		}
		fmt.Println("prepared", statement, answer(kind)(prepared.QueryContext(ctx)))
		check(prepared.Close())
	}
	for _, commits := range []bool{true, false} {
		for _, isolation := range []sql.IsolationLevel{sql.LevelDefault, sql.LevelRepeatableRead} {
			transaction, err := connection.BeginTx(ctx, &sql.TxOptions{Isolation: isolation, ReadOnly: commits})
			check(err)
			fmt.Println("transaction", answer("values")(transaction.QueryContext(ctx, "SELECT 1")))
			if commits {
				check(transaction.Commit())
			} else {
				check(transaction.Rollback())
			}
		}
	}
	check(connection.Close())
	check(db.Close())
}

func answer(kind string) func(*sql.Rows, error) string {
	return func(rows *sql.Rows, err error) string {
		if err != nil {
			return number(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		check(err)
		var shown strings.Builder
		fmt.Fprint(&shown, names)
		for rows.Next() && kind != "columns" {
			values, places := make([]sql.RawBytes, len(names)), make([]any, len(names))
			for i := range values {
				places[i] = &values[i]
			}
			check(rows.Scan(places...))
			fmt.Fprintf(&shown, " %s", values)
		}
		if err := rows.Err(); err != nil {
			return number(err)
		}
		return shown.String()
	}
}

func number(err error) string {
	var ofServer *mysql.MySQLError
	if errors.As(err, &ofServer) {
		return fmt.Sprint("error ", ofServer.Number)
	}
	check(err)
	return ""
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
